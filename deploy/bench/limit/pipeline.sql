-- One case from the counter to the statistics: ten rows in four commits, one statement each. No broker, no relay, no caller.
\set n :n + 1
\set id :first + :client_id * 1000000000 + :n
-- 登记: the case and its event
WITH registered AS (
  INSERT INTO intake.cases (id, number, channel, town, matter, stage, complaint, complainant)
  VALUES (lpad(to_hex(:id::bigint), 32, '0')::uuid, 'JS' || :id::bigint, :n::int % 5, :n::int % 9, :n::int % 8, 0,
          repeat('流动摊点占用人行道经营', 18), '李某')
  RETURNING id)
INSERT INTO intake.journal (case_id, subject, body)
SELECT id, 'case.registered', decode(repeat('5a', 160), 'hex') FROM registered;
-- 责任认定: the event is heard once, who is responsible, and the event that says so
WITH heard AS (
  INSERT INTO assignment.heard (event_id) VALUES (lpad(to_hex(:id::bigint), 32, '0')::uuid)
  ON CONFLICT DO NOTHING
  RETURNING event_id),
determined AS (
  INSERT INTO assignment.determinations (case_id, unit, item, basis)
  SELECT event_id, :n::int % 17, :n::int % 3000, '责任清单-占道经营查处-第29项' FROM heard
  RETURNING case_id)
INSERT INTO assignment.journal (case_id, subject, body)
SELECT case_id, 'case.dispatched', decode(repeat('c3', 160), 'hex') FROM determined;
-- 督查: heard once, and two clocks
WITH heard AS (
  INSERT INTO supervision.heard (event_id) VALUES (lpad(to_hex(:id::bigint), 32, '0')::uuid)
  ON CONFLICT DO NOTHING
  RETURNING event_id)
INSERT INTO supervision.clocks (case_id, kind, due_at)
SELECT event_id, kind, now() + kind * interval '5 days' FROM heard, generate_series(1, 2) AS kind;
-- 考核评价: heard once, and the row the rates are counted from
WITH heard AS (
  INSERT INTO evaluation.heard (event_id) VALUES (lpad(to_hex(:id::bigint), 32, '0')::uuid)
  ON CONFLICT DO NOTHING
  RETURNING event_id)
INSERT INTO evaluation.facts (case_id, unit, town, matter, registered_at, dispatched_at)
SELECT event_id, :n::int % 17, :n::int % 9, :n::int % 8, now(), now() FROM heard
ON CONFLICT (case_id) DO UPDATE SET unit = excluded.unit, dispatched_at = excluded.dispatched_at;
