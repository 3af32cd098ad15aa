-- What supervision keeps of every case: its clocks, what was served on units, its closing proofs and its timeline.

CREATE TABLE case_file (
  id uuid PRIMARY KEY,
  case_no text,
  head_id uuid,
  town text,
  open bool NOT NULL,
  reply_round int NOT NULL CHECK (reply_round >= 0),
  -- Packed (kit::state): only the service reads it, and the database need not take it apart at each write.
  state bytea NOT NULL,
  CHECK (head_id <> id)
) WITH (fillfactor = 60); -- what is heard next of a case finds room beside it, and no index hears of it
COMMENT ON COLUMN case_file.head_id IS 'the head of its cluster, where it is another case';
COMMENT ON COLUMN case_file.town IS 'the town of the place, which may check a closing';
COMMENT ON COLUMN case_file.reply_round IS 'the last round whose reply was served; 0 before the first';
CREATE INDEX case_file_head ON case_file (head_id) WHERE head_id IS NOT NULL;

-- Rows are written with the case they belong to, in one transaction by the one function that writes them. A foreign key would look
-- the case up again for each of them and write a lock into it; it stands where rows come later.

-- Who may know of a case: the desk that received it, units with a share, those asked, and those who take part.
CREATE TABLE case_unit (
  case_id uuid NOT NULL,
  unit_code text NOT NULL,
  PRIMARY KEY (unit_code, case_id)
);

-- Clocks somebody must look at; one that has stopped stands in its case alone.
CREATE TABLE clock (
  case_id uuid NOT NULL,
  round int NOT NULL CHECK (round > 0),
  kind text NOT NULL,
  holder text NOT NULL,
  state text NOT NULL CHECK (state IN ('running', 'paused', 'breached')),
  anchor_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL CHECK (due_at >= anchor_at),
  paused_at timestamptz CHECK ((paused_at IS NOT NULL) = (state = 'paused')),
  PRIMARY KEY (case_id, round, kind)
);
CREATE INDEX clock_due ON clock (due_at, case_id, round, kind) WHERE state IN ('running', 'breached');
CREATE INDEX clock_due_holder ON clock (holder, due_at, case_id, round, kind) WHERE state IN ('running', 'breached');
CREATE INDEX clock_paused ON clock (case_id, kind) WHERE state = 'paused';

CREATE TABLE supervision_order (
  id uuid PRIMARY KEY,
  case_id uuid NOT NULL REFERENCES case_file,
  unit_code text NOT NULL,
  rung text NOT NULL CHECK (rung IN ('remind', 'urge', 'supervision_order')),
  issued_at timestamptz NOT NULL,
  answer_due_at timestamptz,
  answered_at timestamptz CHECK (answered_at IS NULL OR answer_due_at IS NOT NULL),
  open bool NOT NULL,
  state jsonb NOT NULL
);
COMMENT ON COLUMN supervision_order.open IS 'it waits for an answer and its round goes on';
CREATE INDEX supervision_order_newest ON supervision_order (issued_at DESC, id DESC);
CREATE INDEX supervision_order_unit ON supervision_order (unit_code, issued_at DESC, id DESC);
CREATE INDEX supervision_order_case ON supervision_order (case_id);
CREATE INDEX supervision_order_open ON supervision_order (case_id, id) WHERE open;

-- What units wrote; never in events.
CREATE TABLE supervision_answer (
  supervision_order_id uuid PRIMARY KEY REFERENCES supervision_order,
  body bytea NOT NULL
);
COMMENT ON COLUMN supervision_answer.body IS 'sealed by the service under the case''s key; opens only in this row';

-- Why the head of a unit extended a clock; never in events.
CREATE TABLE clock_reason (
  id uuid PRIMARY KEY,
  case_id uuid NOT NULL REFERENCES case_file,
  round int NOT NULL CHECK (round > 0),
  kind text NOT NULL,
  words bytea NOT NULL
);
CREATE INDEX clock_reason_case ON clock_reason (case_id, id);
COMMENT ON COLUMN clock_reason.words IS 'sealed by the service under the case''s key; opens only in this row';

CREATE TABLE closing (
  case_id uuid NOT NULL REFERENCES case_file,
  round int NOT NULL CHECK (round > 0),
  attempt int NOT NULL CHECK (attempt > 0),
  state text NOT NULL CHECK (state IN ('open', 'approved', 'refused', 'ended')),
  proven bool NOT NULL,
  handled_at timestamptz NOT NULL,
  PRIMARY KEY (case_id, round, attempt)
);
COMMENT ON COLUMN closing.proven IS 'every machine check holds but, perhaps, the replies to its members';
COMMENT ON COLUMN closing.state IS 'ended: the case ended otherwise';
CREATE UNIQUE INDEX closing_one_open ON closing (case_id, round) WHERE state = 'open';
CREATE INDEX closing_waiting ON closing (handled_at, case_id) WHERE state = 'open';
CREATE INDEX closing_decided ON closing (state, handled_at, case_id);

-- Every event of the other services that is about a case, as it was said. Supervision's own words stand in its journal.
CREATE TABLE timeline (
  case_id uuid NOT NULL,
  occurred_at timestamptz NOT NULL,
  service text NOT NULL,
  epoch int NOT NULL,
  pos bigint NOT NULL,
  event_id uuid NOT NULL,
  type text NOT NULL,
  recorded_at timestamptz NOT NULL,
  actor text NOT NULL,
  traceparent text,
  payload bytea NOT NULL,
  PRIMARY KEY (case_id, service, epoch, pos)
);

-- The second wall: reads for a department or a town run as this role, which sees what the unit it was told has a share in.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'supervision_department') THEN
    CREATE ROLE supervision_department NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL; -- another database of this server was made at the same moment
END $$;
DO $$
BEGIN
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
     AND NOT pg_has_role(current_user, 'supervision_department', 'MEMBER') THEN
    EXECUTE format('GRANT supervision_department TO %I', current_user);
  END IF;
END $$;
GRANT USAGE ON SCHEMA bus TO supervision_department;
GRANT SELECT ON case_unit, case_file, clock, supervision_order, supervision_answer, clock_reason, closing, timeline, bus.journal
  TO supervision_department;

ALTER TABLE case_unit ENABLE ROW LEVEL SECURITY;
ALTER TABLE case_unit FORCE ROW LEVEL SECURITY;
CREATE POLICY case_unit_of_the_unit ON case_unit
  USING (current_user <> 'supervision_department' OR unit_code = current_setting('xiezhi.unit', true));

ALTER TABLE case_file ENABLE ROW LEVEL SECURITY;
ALTER TABLE case_file FORCE ROW LEVEL SECURITY;
CREATE POLICY case_file_of_the_unit ON case_file
  USING (current_user <> 'supervision_department'
         OR town = current_setting('xiezhi.unit', true)
         OR EXISTS (SELECT FROM case_unit u WHERE u.case_id = id));

ALTER TABLE clock ENABLE ROW LEVEL SECURITY;
ALTER TABLE clock FORCE ROW LEVEL SECURITY;
CREATE POLICY clock_of_the_unit ON clock
  USING (current_user <> 'supervision_department' OR EXISTS (SELECT FROM case_unit u WHERE u.case_id = clock.case_id));

ALTER TABLE supervision_order ENABLE ROW LEVEL SECURITY;
ALTER TABLE supervision_order FORCE ROW LEVEL SECURITY;
CREATE POLICY supervision_order_of_the_unit ON supervision_order
  USING (current_user <> 'supervision_department' OR unit_code = current_setting('xiezhi.unit', true));

ALTER TABLE supervision_answer ENABLE ROW LEVEL SECURITY;
ALTER TABLE supervision_answer FORCE ROW LEVEL SECURITY;
CREATE POLICY supervision_answer_of_the_unit ON supervision_answer
  USING (current_user <> 'supervision_department'
         OR EXISTS (SELECT FROM supervision_order o WHERE o.id = supervision_order_id));

ALTER TABLE clock_reason ENABLE ROW LEVEL SECURITY;
ALTER TABLE clock_reason FORCE ROW LEVEL SECURITY;
CREATE POLICY clock_reason_of_the_unit ON clock_reason
  USING (current_user <> 'supervision_department'
         OR EXISTS (SELECT FROM case_unit u WHERE u.case_id = clock_reason.case_id));

ALTER TABLE closing ENABLE ROW LEVEL SECURITY;
ALTER TABLE closing FORCE ROW LEVEL SECURITY;
CREATE POLICY closing_of_the_unit ON closing
  USING (current_user <> 'supervision_department' OR EXISTS (SELECT FROM case_file f WHERE f.id = closing.case_id));

ALTER TABLE timeline ENABLE ROW LEVEL SECURITY;
ALTER TABLE timeline FORCE ROW LEVEL SECURITY;
CREATE POLICY timeline_of_the_unit ON timeline
  USING (current_user <> 'supervision_department' OR EXISTS (SELECT FROM case_unit u WHERE u.case_id = timeline.case_id));
