-- Joint operations, the people and things they hold, and what is known of the cases they serve.
-- Nobody and nothing can be held twice at one time: the store itself refuses it, whatever a planner overlooked.
CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE TABLE operation (
  id uuid PRIMARY KEY,
  stage text NOT NULL CHECK (stage IN ('proposed', 'rejected', 'fixed', 'started', 'concluded', 'cancelled')),
  case_ids uuid[] NOT NULL CHECK (cardinality(case_ids) >= 1),
  units text[] NOT NULL CHECK (cardinality(units) >= 1),
  region text NOT NULL,
  starts_at timestamptz,
  ends_at timestamptz,
  proposed_at timestamptz NOT NULL,
  state jsonb NOT NULL,
  CHECK ((stage IN ('fixed', 'started', 'concluded')) = (starts_at IS NOT NULL)),
  CHECK ((starts_at IS NULL) = (ends_at IS NULL)),
  CHECK (starts_at < ends_at)
);
CREATE INDEX operation_page ON operation (proposed_at DESC, id DESC);
CREATE INDEX operation_unfinished ON operation (id) WHERE stage IN ('proposed', 'fixed', 'started');
CREATE INDEX operation_cases ON operation USING gin (case_ids);
CREATE INDEX operation_units ON operation USING gin (units);

CREATE TABLE booking (
  operation_id uuid NOT NULL REFERENCES operation,
  kind text NOT NULL CHECK (kind IN ('officer', 'resource')),
  code text NOT NULL,
  unit text NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  during tstzrange NOT NULL GENERATED ALWAYS AS (tstzrange(starts_at, ends_at, '[)')) STORED,
  state text NOT NULL CHECK (state IN ('reserved', 'on_duty', 'released')),
  PRIMARY KEY (operation_id, kind, code),
  CHECK (starts_at < ends_at),
  CONSTRAINT booking_officer_twice EXCLUDE USING gist (code WITH =, during WITH &&)
    WHERE (kind = 'officer' AND state <> 'released'),
  CONSTRAINT booking_resource_twice EXCLUDE USING gist (code WITH =, during WITH &&)
    WHERE (kind = 'resource' AND state <> 'released')
);
CREATE INDEX booking_page ON booking (starts_at, operation_id, kind, code);

CREATE TABLE officer (
  code text PRIMARY KEY,
  unit text NOT NULL,
  auxiliary bool NOT NULL,
  listed bool NOT NULL,
  valid_from date,
  valid_to date,
  suspended bool NOT NULL,
  state jsonb NOT NULL,
  CHECK (NOT (auxiliary AND valid_from IS NOT NULL)),
  CHECK ((valid_from IS NULL) = (valid_to IS NULL)),
  CHECK (valid_from <= valid_to)
);
COMMENT ON COLUMN officer.listed IS 'false of someone the county''s pack no longer names';
CREATE INDEX officer_unit ON officer (unit, code);

CREATE TABLE known_case (
  id uuid PRIMARY KEY,
  finish_by timestamptz,
  ended text,
  state jsonb NOT NULL
);

CREATE TABLE written (
  id uuid PRIMARY KEY,
  operation_id uuid NOT NULL REFERENCES operation,
  verb text NOT NULL CHECK (verb IN ('inspect', 'reject', 'decline', 'reschedule', 'cancel', 'conclude')),
  unit text NOT NULL,
  words bytea NOT NULL,
  at timestamptz NOT NULL
);
COMMENT ON TABLE written IS 'what people wrote: the record''s words and the remarks with decisions; in no event';
COMMENT ON COLUMN written.words IS 'sealed by the service under the operation''s key; opens only in this row';
CREATE INDEX written_of_operation ON written (operation_id, at, id);

-- A record is added to and never changed.
CREATE FUNCTION written_insert_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'what was written is never changed' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER written_insert_only BEFORE UPDATE OR DELETE ON written
  FOR EACH STATEMENT EXECUTE FUNCTION written_insert_only();

-- The second wall: reads for a department or a town run as this role, which sees what the unit it was told takes part in.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'scheduling_department') THEN
    CREATE ROLE scheduling_department NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL; -- another database of this server was made at the same moment
END $$;
DO $$
BEGIN
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
     AND NOT pg_has_role(current_user, 'scheduling_department', 'MEMBER') THEN
    EXECUTE format('GRANT scheduling_department TO %I', current_user);
  END IF;
END $$;
GRANT SELECT ON operation, booking, officer, known_case, written TO scheduling_department;

ALTER TABLE operation ENABLE ROW LEVEL SECURITY;
ALTER TABLE operation FORCE ROW LEVEL SECURITY;
CREATE POLICY operation_of_the_unit ON operation
  USING (current_user <> 'scheduling_department' OR current_setting('xiezhi.unit', true) = ANY (units));

ALTER TABLE booking ENABLE ROW LEVEL SECURITY;
ALTER TABLE booking FORCE ROW LEVEL SECURITY;
CREATE POLICY booking_of_the_unit ON booking
  USING (current_user <> 'scheduling_department' OR unit = current_setting('xiezhi.unit', true));

ALTER TABLE officer ENABLE ROW LEVEL SECURITY;
ALTER TABLE officer FORCE ROW LEVEL SECURITY;
CREATE POLICY officer_of_the_unit ON officer
  USING (current_user <> 'scheduling_department' OR unit = current_setting('xiezhi.unit', true));

ALTER TABLE known_case ENABLE ROW LEVEL SECURITY;
ALTER TABLE known_case FORCE ROW LEVEL SECURITY;
CREATE POLICY known_case_of_the_unit ON known_case
  USING (current_user <> 'scheduling_department' OR EXISTS (SELECT FROM operation o WHERE known_case.id = ANY (o.case_ids)));

ALTER TABLE written ENABLE ROW LEVEL SECURITY;
ALTER TABLE written FORCE ROW LEVEL SECURITY;
CREATE POLICY written_of_the_unit ON written
  USING (current_user <> 'scheduling_department' OR EXISTS (SELECT FROM operation o WHERE o.id = written.operation_id));
