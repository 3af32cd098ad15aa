-- The same work with fifty cases in every commit: each run of this script is fifty cases, five hundred rows, four commits.
\set n :n + 50
\set id :first + :client_id * 1000000000 + :n
WITH registered AS (
  INSERT INTO intake.cases (id, number, channel, town, matter, stage, complaint, complainant)
  SELECT id, 'JS' || id, n % 5, n % 9, n % 8, 0, repeat('流动摊点占用人行道经营', 18), '李某'
  FROM (SELECT lpad(to_hex(:id::bigint + place), 32, '0')::uuid AS id, :n::int + place AS n
        FROM generate_series(1, 50) AS place) AS complaint
  RETURNING id)
INSERT INTO intake.journal (case_id, subject, body)
SELECT id, 'case.registered', decode(repeat('5a', 160), 'hex') FROM registered;
WITH heard AS (
  INSERT INTO assignment.heard (event_id)
  SELECT lpad(to_hex(:id::bigint + place), 32, '0')::uuid FROM generate_series(1, 50) AS place
  ON CONFLICT DO NOTHING
  RETURNING event_id),
determined AS (
  INSERT INTO assignment.determinations (case_id, unit, item, basis)
  SELECT event_id, :n::int % 17, :n::int % 3000, '责任清单-占道经营查处-第29项' FROM heard
  RETURNING case_id)
INSERT INTO assignment.journal (case_id, subject, body)
SELECT case_id, 'case.dispatched', decode(repeat('c3', 160), 'hex') FROM determined;
WITH heard AS (
  INSERT INTO supervision.heard (event_id)
  SELECT lpad(to_hex(:id::bigint + place), 32, '0')::uuid FROM generate_series(1, 50) AS place
  ON CONFLICT DO NOTHING
  RETURNING event_id)
INSERT INTO supervision.clocks (case_id, kind, due_at)
SELECT event_id, kind, now() + kind * interval '5 days' FROM heard, generate_series(1, 2) AS kind;
WITH heard AS (
  INSERT INTO evaluation.heard (event_id)
  SELECT lpad(to_hex(:id::bigint + place), 32, '0')::uuid FROM generate_series(1, 50) AS place
  ON CONFLICT DO NOTHING
  RETURNING event_id)
INSERT INTO evaluation.facts (case_id, unit, town, matter, registered_at, dispatched_at)
SELECT event_id, :n::int % 17, :n::int % 9, :n::int % 8, now(), now() FROM heard
ON CONFLICT (case_id) DO UPDATE SET unit = excluded.unit, dispatched_at = excluded.dispatched_at;
