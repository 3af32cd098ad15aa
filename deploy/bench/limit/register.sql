-- 登记: the durable receipt of one complaint. One statement, one commit, two rows.
\set n :n + 1
\set id :first + :client_id * 1000000000 + :n
WITH registered AS (
  INSERT INTO intake.cases (id, number, channel, town, matter, stage, complaint, complainant)
  VALUES (lpad(to_hex(:id::bigint), 32, '0')::uuid, 'JS' || :id::bigint, :n::int % 5, :n::int % 9, :n::int % 8, 0,
          repeat('流动摊点占用人行道经营', 18), '李某')
  RETURNING id)
INSERT INTO intake.journal (case_id, subject, body)
SELECT id, 'case.registered', decode(repeat('5a', 160), 'hex') FROM registered;
