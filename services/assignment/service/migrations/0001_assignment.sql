-- Who is responsible: the lists with their two times, what was determined and ruled, and the orders that follow.
CREATE EXTENSION IF NOT EXISTS btree_gist;

-- One entry in the hands of one holder, for a place: when it is valid, and when the list held it.
CREATE TABLE list_item (
  id uuid PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('power', 'responsibility', 'kept_duty')),
  code text NOT NULL,
  holder text NOT NULL,
  towns text NOT NULL,
  valid daterange NOT NULL CHECK (NOT isempty(valid)),
  recorded tstzrange NOT NULL CHECK (NOT isempty(recorded)),
  content jsonb NOT NULL,
  CONSTRAINT list_item_says_one_thing EXCLUDE USING gist (
    kind WITH =, code WITH =, holder WITH =, towns WITH =, valid WITH &&, recorded WITH &&)
);
COMMENT ON COLUMN list_item.towns IS 'region codes in order, joined by commas; empty is the whole county';
CREATE INDEX list_item_page ON list_item (code, holder, id);
CREATE INDEX list_item_current ON list_item (id) WHERE upper_inf(recorded);

CREATE TABLE boundary_rule (
  id uuid PRIMARY KEY,
  code text NOT NULL,
  valid daterange NOT NULL CHECK (NOT isempty(valid)),
  recorded tstzrange NOT NULL CHECK (NOT isempty(recorded)),
  content jsonb NOT NULL,
  CONSTRAINT boundary_rule_says_one_thing EXCLUDE USING gist (code WITH =, recorded WITH &&)
);

-- The responsibility for one case. A decision is in force or a consultation is open, never both and never two.
CREATE TABLE responsibility (
  case_id uuid PRIMARY KEY,
  case_no text NOT NULL,
  stage text NOT NULL CHECK (stage IN
    ('diagnosing', 'awaiting_acceptance', 'consulting', 'determined', 'ruled', 'handled', 'linked', 'ended')),
  round int NOT NULL CHECK (round >= 1),
  hops int NOT NULL CHECK (hops >= 0),
  determination_id uuid,
  ruling_id uuid,
  consultation_id uuid,
  lead_unit text,
  open_orders int NOT NULL CHECK (open_orders >= 0),
  units jsonb NOT NULL CHECK (jsonb_typeof(units) = 'array'),
  asks jsonb CHECK (asks <> '{}'),
  -- Packed (kit::state): only the service reads it, and the database need not take it apart at each write.
  state bytea NOT NULL,
  CONSTRAINT responsibility_is_one CHECK (CASE stage
    WHEN 'determined' THEN determination_id IS NOT NULL AND ruling_id IS NULL AND consultation_id IS NULL
    WHEN 'ruled' THEN determination_id IS NULL AND ruling_id IS NOT NULL AND consultation_id IS NULL
    WHEN 'consulting' THEN determination_id IS NULL AND ruling_id IS NULL AND consultation_id IS NOT NULL
    WHEN 'handled' THEN num_nonnulls(determination_id, ruling_id) = 1 AND consultation_id IS NULL
    WHEN 'ended' THEN num_nonnulls(determination_id, ruling_id) <= 1 AND consultation_id IS NULL
    ELSE num_nonnulls(determination_id, ruling_id, consultation_id) = 0 END)
) WITH (fillfactor = 60); -- what follows a decision finds room beside it, and no index hears of it

COMMENT ON COLUMN responsibility.open_orders IS
  'how many of its orders are neither completed nor withdrawn; a department sees no orders but its own to count';
COMMENT ON COLUMN responsibility.units IS 'the units that may know of the case, as the domain says it';
COMMENT ON COLUMN responsibility.asks IS
  'what of the state asks somebody to act: its diagnosis, operation, reconsider and follow_ups, each only where there is one';
CREATE INDEX responsibility_follow_ups ON responsibility (case_id) WHERE asks ? 'follow_ups';

-- Clocks of a case that end with its handling, as supervision runs them: every case has some, few are ever asked for.
CREATE TABLE handling_clock (
  case_id uuid NOT NULL,
  kind text NOT NULL,
  due_at timestamptz NOT NULL,
  PRIMARY KEY (case_id, kind)
);

-- Every question to the lists that was acted on; the proof is a file named by its hash.
CREATE TABLE determination (
  id uuid PRIMARY KEY,
  case_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('sole', 'lead_with_support', 'overlap', 'gap')),
  list_revision bigint NOT NULL,
  proof_sha256 bytea NOT NULL CHECK (octet_length(proof_sha256) = 32),
  determined_at timestamptz NOT NULL
);
CREATE INDEX determination_case ON determination (case_id, id);

CREATE TABLE consultation (
  id uuid PRIMARY KEY,
  case_id uuid NOT NULL,
  stage text NOT NULL CHECK (stage IN ('open', 'answered', 'ruled', 'withdrawn')),
  state jsonb NOT NULL
);
CREATE INDEX consultation_case ON consultation (case_id, id);
CREATE UNIQUE INDEX consultation_one_open ON consultation (case_id) WHERE stage IN ('open', 'answered');

CREATE TABLE ruling (
  id uuid PRIMARY KEY,
  case_id uuid NOT NULL,
  consultation_id uuid NOT NULL UNIQUE,
  precedent_id uuid NOT NULL UNIQUE,
  ruled_at timestamptz NOT NULL,
  shares jsonb NOT NULL
);
CREATE INDEX ruling_case ON ruling (case_id, id);

-- Rulings that route like cases, until they expire.
CREATE TABLE precedent (
  id uuid PRIMARY KEY,
  matters text NOT NULL,
  known_from timestamptz NOT NULL,
  expired_at timestamptz CHECK (expired_at >= known_from),
  state jsonb NOT NULL
);
COMMENT ON COLUMN precedent.matters IS 'matter codes in order, joined by commas';
CREATE INDEX precedent_matters ON precedent (matters);

-- One unit's share of a case. No order without person, post, duty and deadline.
CREATE TABLE work_order (
  id uuid PRIMARY KEY,
  case_id uuid NOT NULL,
  unit text NOT NULL CHECK (unit <> ''),
  role text NOT NULL CHECK (role IN ('lead', 'support')),
  stage text NOT NULL CHECK (stage IN ('dispatched', 'acknowledged', 'objected', 'completed', 'withdrawn')),
  person text NOT NULL CHECK (person <> ''),
  post text NOT NULL CHECK (post <> ''),
  duty_text text NOT NULL CHECK (duty_text <> ''),
  due_at timestamptz NOT NULL,
  acknowledge_due_at timestamptz NOT NULL,
  decide_due_at timestamptz CHECK ((decide_due_at IS NOT NULL) = (stage = 'objected')),
  round int NOT NULL CHECK (round >= 1),
  -- Packed (kit::state): only the service reads it, and the database need not take it apart at each write.
  state bytea NOT NULL
);
COMMENT ON COLUMN work_order.decide_due_at IS 'until when the centre decides the objection, while there is one';
CREATE INDEX work_order_case ON work_order (case_id, id);
CREATE INDEX work_order_unit ON work_order (unit, id);
CREATE INDEX work_order_open ON work_order (case_id) WHERE stage IN ('dispatched', 'acknowledged', 'objected');

-- What changed for a unit, numbered without gaps in the order of commit, so that a reader resumes where it stopped.
CREATE TABLE order_feed_head (
  unit text PRIMARY KEY,
  pos bigint NOT NULL
);
CREATE TABLE order_feed (
  unit text NOT NULL,
  pos bigint NOT NULL,
  work_order_id uuid NOT NULL,
  change text NOT NULL,
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (unit, pos)
);

-- What people wrote about their work: never in an event.
CREATE TABLE work_text (
  id uuid PRIMARY KEY,
  case_id uuid NOT NULL,
  subject_id uuid NOT NULL,
  kind text NOT NULL,
  unit text NOT NULL,
  round int NOT NULL,
  body bytea NOT NULL,
  written_at timestamptz NOT NULL
);
COMMENT ON COLUMN work_text.body IS 'sealed by the service under the case''s key; opens only in this row';
CREATE INDEX work_text_subject ON work_text (subject_id, id);

CREATE TABLE account (
  id text PRIMARY KEY,
  unit text NOT NULL,
  enabled bool NOT NULL,
  state jsonb NOT NULL
);

-- Challenges of the token door, each used once; their time is real time, as that of every token.
CREATE TABLE token_challenge (
  challenge bytea PRIMARY KEY,
  account text NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX token_challenge_expiry ON token_challenge (expires_at);

-- What a person has to do next; 'centre' stands for whatever the centre's code is. It is read with the rights of whoever
-- asks, so that the second wall stands before it too, and of what a unit may see it shows the unit's own tasks.
CREATE VIEW open_task WITH (security_invoker = true) AS
SELECT case_id, task, unit, reference, due_at FROM (
  SELECT case_id, 'diagnosis.make' AS task, 'centre' AS unit, case_id AS reference,
         (asks #>> '{diagnosis,answer_by,due_at}')::timestamptz AS due_at
    FROM responsibility WHERE stage = 'diagnosing'
  UNION ALL
  SELECT r.case_id, 'diagnosis.answer', asked.unit, r.case_id,
         (r.asks #>> '{diagnosis,answer_by,due_at}')::timestamptz
    FROM responsibility r, jsonb_array_elements_text(r.asks #> '{diagnosis,asked}') AS asked (unit)
   WHERE r.stage = 'diagnosing' AND NOT (r.asks #> '{diagnosis,positions}') ? asked.unit
  UNION ALL
  SELECT c.case_id, 'consultation.position', asked.unit, c.id, (c.state #>> '{answer_by,due_at}')::timestamptz
    FROM consultation c, jsonb_array_elements_text(c.state -> 'asked') AS asked (unit)
   WHERE c.stage = 'open' AND NOT (c.state -> 'positions') ? asked.unit
  UNION ALL
  SELECT case_id, 'consultation.rule', 'centre', id, (state #>> '{stage,rule_by,due_at}')::timestamptz
    FROM consultation WHERE stage IN ('open', 'answered')
  UNION ALL
  SELECT case_id, 'order.acknowledge', unit, id, acknowledge_due_at FROM work_order WHERE stage = 'dispatched'
  UNION ALL
  SELECT case_id, 'order.complete', unit, id, due_at FROM work_order WHERE stage = 'acknowledged'
  UNION ALL
  SELECT case_id, 'objection.decide', 'centre', id, decide_due_at
    FROM work_order WHERE stage = 'objected'
  UNION ALL
  SELECT r.case_id, 'case.complete', r.lead_unit, r.case_id, NULL
    FROM responsibility r
   WHERE r.stage IN ('determined', 'ruled') AND r.open_orders = 0
     AND NOT COALESCE(r.asks ?| '{operation,follow_ups}', false)
  UNION ALL
  SELECT case_id, 'case.reconsider', lead_unit, case_id, NULL
    FROM responsibility WHERE stage IN ('determined', 'ruled') AND asks ? 'reconsider'
  UNION ALL
  -- What an operation left to units and could not be sent to them though a decision is in force: one task for each operation,
  -- which names them. Before that it waits for the decision, and with the end of the case it is ended.
  SELECT DISTINCT r.case_id, 'follow_up.dispatch', 'centre', (kept ->> 'operation')::uuid, NULL::timestamptz
    FROM responsibility r, jsonb_array_elements(r.asks -> 'follow_ups') AS kept
   WHERE r.asks ? 'follow_ups' AND r.stage IN ('determined', 'ruled', 'handled')
) AS task
 WHERE current_user <> 'assignment_department' OR unit = current_setting('xiezhi.unit', true);

-- The second wall: reads for a department run as this role, which sees the rows of the unit it was told and no others.
-- Each policy lets everybody else through: the tables are forced, so that their owner is asked as well.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'assignment_department') THEN
    CREATE ROLE assignment_department NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL; -- another database of this server was made at the same moment
END $$;
DO $$
BEGIN
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
     AND NOT pg_has_role(current_user, 'assignment_department', 'MEMBER') THEN
    EXECUTE format('GRANT assignment_department TO %I', current_user);
  END IF;
END $$;
GRANT SELECT ON work_order, consultation, responsibility, determination, work_text, order_feed, open_task
  TO assignment_department;

ALTER TABLE work_order ENABLE ROW LEVEL SECURITY;
ALTER TABLE work_order FORCE ROW LEVEL SECURITY;
CREATE POLICY work_order_of_the_unit ON work_order
  USING (current_user <> 'assignment_department' OR unit = current_setting('xiezhi.unit', true));

ALTER TABLE order_feed ENABLE ROW LEVEL SECURITY;
ALTER TABLE order_feed FORCE ROW LEVEL SECURITY;
CREATE POLICY order_feed_of_the_unit ON order_feed
  USING (current_user <> 'assignment_department' OR unit = current_setting('xiezhi.unit', true));

-- A consultation: the units that are asked.
ALTER TABLE consultation ENABLE ROW LEVEL SECURITY;
ALTER TABLE consultation FORCE ROW LEVEL SECURITY;
CREATE POLICY consultation_of_the_unit ON consultation
  USING (current_user <> 'assignment_department' OR state -> 'asked' ? current_setting('xiezhi.unit', true));

-- A case: the units that may know of it. Who they are is decided in one place, CaseFile::units in the domain, which commands
-- ask as well: the units asked in its diagnosis or in its latest consultation, named in the decision that is or was last in
-- force, or holding an order of it. A unit that was asked only in an earlier consultation goes on reading that consultation,
-- by the policy above, and nothing of what the case came to without it: no determination, no reply, as its commands find no
-- such case. The rule is kept as a column because it cannot be asked here again: whoever reads behind this wall sees its own
-- consultations and orders alone, and so would take an old consultation for the latest.
ALTER TABLE responsibility ENABLE ROW LEVEL SECURITY;
ALTER TABLE responsibility FORCE ROW LEVEL SECURITY;
CREATE POLICY responsibility_of_the_unit ON responsibility
  USING (current_user <> 'assignment_department' OR units ? current_setting('xiezhi.unit', true));

-- A determination: whoever sees its case; the policies of the tables asked apply to the same unit.
ALTER TABLE determination ENABLE ROW LEVEL SECURITY;
ALTER TABLE determination FORCE ROW LEVEL SECURITY;
CREATE POLICY determination_of_the_unit ON determination
  USING (current_user <> 'assignment_department'
    OR EXISTS (SELECT FROM responsibility r WHERE r.case_id = determination.case_id));

-- A text: whoever sees what it is about, an order, a consultation, or a case.
ALTER TABLE work_text ENABLE ROW LEVEL SECURITY;
ALTER TABLE work_text FORCE ROW LEVEL SECURITY;
CREATE POLICY work_text_of_the_unit ON work_text
  USING (current_user <> 'assignment_department'
    OR EXISTS (SELECT FROM work_order o WHERE o.id = work_text.subject_id)
    OR EXISTS (SELECT FROM consultation c WHERE c.id = work_text.subject_id)
    OR EXISTS (SELECT FROM responsibility r WHERE r.case_id = work_text.subject_id));
