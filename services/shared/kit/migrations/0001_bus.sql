-- The bus: journal, numbering, cursors, parking, timers and the clock of one service, the same in every database.
CREATE SCHEMA IF NOT EXISTS bus;

CREATE TABLE bus.node (
  one bool PRIMARY KEY DEFAULT true CHECK (one),
  service text NOT NULL,
  epoch int NOT NULL DEFAULT 1,
  last_pos bigint NOT NULL DEFAULT 0,
  last_hash bytea NOT NULL DEFAULT '\x',
  published_pos bigint NOT NULL DEFAULT 0,
  mode text NOT NULL DEFAULT 'normal' CHECK (mode IN ('normal', 'rolled_back', 'mending'))
);
COMMENT ON COLUMN bus.node.mode IS 'mending: some cases wait for a person after a recovery (bus.affected), all others go on';
COMMENT ON COLUMN bus.node.published_pos IS 'a hint, never trusted';

CREATE TABLE bus.clock (
  one bool PRIMARY KEY DEFAULT true CHECK (one),
  kind text NOT NULL CHECK (kind IN ('real', 'simulated')),
  offset_by interval NOT NULL DEFAULT '0',
  turn_id uuid,
  suspect_since timestamptz
);
COMMENT ON COLUMN bus.clock.suspect_since IS 'set when the wall clock jumped; no timer fires until a person has confirmed the time';

-- The only clock of the product. A real centre ignores any offset.
CREATE FUNCTION bus.now() RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT now() + COALESCE((SELECT offset_by FROM bus.clock WHERE kind = 'simulated'), interval '0')
$$;

CREATE TABLE bus.head (
  key uuid PRIMARY KEY,
  seq bigint NOT NULL
);

CREATE TABLE bus.journal (
  id bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
  event_id uuid NOT NULL,
  command_id uuid,
  cause_id uuid,
  actor text NOT NULL,
  traceparent text,
  key uuid NOT NULL,
  key_seq bigint NOT NULL,
  type text NOT NULL,
  schema_ver int NOT NULL,
  occurred_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT bus.now(),
  payload bytea NOT NULL,
  UNIQUE (key, key_seq)
);
CREATE INDEX journal_command ON bus.journal (command_id) WHERE command_id IS NOT NULL;

CREATE FUNCTION bus.insert_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'bus.% is insert-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
-- What has no position yet is in nobody's chain: a recovery may move it behind the events of its key that came back from the
-- stream. Nothing else of a row ever changes.
CREATE FUNCTION bus.journal_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND current_setting('xiezhi.recovering', true) = 'on'
     AND EXISTS (SELECT FROM bus.unnumbered u WHERE u.id = OLD.id) THEN
    OLD.key_seq := NEW.key_seq;
    IF OLD IS NOT DISTINCT FROM NEW THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'bus.journal is insert-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER journal_insert_only BEFORE UPDATE OR DELETE ON bus.journal
  FOR EACH ROW EXECUTE FUNCTION bus.journal_is_kept();
CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON bus.journal
  FOR EACH STATEMENT EXECUTE FUNCTION bus.insert_only();

CREATE TABLE bus.unnumbered (
  id bigint PRIMARY KEY
);

CREATE TABLE bus.numbered (
  pos bigint PRIMARY KEY,
  id bigint NOT NULL UNIQUE,
  epoch int NOT NULL,
  hash bytea NOT NULL
);

CREATE TABLE bus.command (
  command_id uuid PRIMARY KEY,
  caller text NOT NULL,
  method text NOT NULL,
  request_hash bytea NOT NULL,
  response bytea NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE bus.cursor (
  consumer text NOT NULL,
  producer text NOT NULL,
  epoch int NOT NULL,
  pos bigint NOT NULL,
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'repairing', 'diverged', 'paused')),
  seen_hash bytea,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer, producer)
);

CREATE TABLE bus.parked (
  consumer text NOT NULL,
  producer text NOT NULL,
  epoch int NOT NULL,
  pos bigint NOT NULL,
  event bytea NOT NULL,
  keys uuid[] NOT NULL,
  reason text NOT NULL,
  attempts int NOT NULL DEFAULT 0,
  next_try_at timestamptz,
  state text NOT NULL CHECK (state IN ('waiting', 'behind', 'resolved', 'skipped')),
  decided_by text,
  decided_why text,
  PRIMARY KEY (consumer, producer, epoch, pos)
);
CREATE INDEX parked_keys ON bus.parked USING gin (keys) WHERE state IN ('waiting', 'behind');
CREATE INDEX parked_next ON bus.parked (next_try_at) WHERE state = 'waiting';
CREATE INDEX parked_behind ON bus.parked (consumer, producer) WHERE state = 'behind';

-- Cases that a recovery could not bring forward, or that rest on events which are lost: nothing is decided about them until a
-- person has said what was done.
CREATE TABLE bus.affected (
  producer text NOT NULL,
  epoch int NOT NULL,
  key uuid NOT NULL,
  from_pos bigint NOT NULL,
  to_pos bigint NOT NULL,
  reason text NOT NULL,
  blocking bool NOT NULL,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'settled')),
  found_at timestamptz NOT NULL DEFAULT now(),
  decided_by text,
  decided_why text,
  decided_at timestamptz,
  PRIMARY KEY (producer, epoch, key),
  CHECK ((state = 'settled') = (decided_by IS NOT NULL))
);
COMMENT ON COLUMN bus.affected.blocking IS 'nothing is decided about the key until a person has settled it';
COMMENT ON COLUMN bus.affected.producer IS 'whose events are meant; this service itself where its own tables could not follow';
CREATE INDEX affected_open ON bus.affected (key) WHERE state = 'open' AND blocking;

CREATE TABLE bus.blob (
  sha256 bytea PRIMARY KEY,
  bytes bytea NOT NULL,
  media_type text NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);

-- Sealed with the key this store was begun with; another key does not open it.
CREATE TABLE bus.key_proof (
  single bool PRIMARY KEY DEFAULT true CHECK (single),
  proof bytea NOT NULL
);

CREATE TABLE bus.bundle (
  revision bigint PRIMARY KEY,
  sha256 bytea NOT NULL REFERENCES bus.blob,
  published_at timestamptz NOT NULL,
  published_by text NOT NULL
);

CREATE TABLE bus.timer (
  key uuid NOT NULL,
  kind text NOT NULL,
  gen int NOT NULL,
  rule text NOT NULL,
  anchor_at timestamptz NOT NULL,
  amount int NOT NULL,
  unit text NOT NULL CHECK (unit IN ('minute', 'hour', 'workhour', 'day', 'workday')),
  calendar_ver int NOT NULL,
  due_at timestamptz NOT NULL,
  state text NOT NULL CHECK (state IN ('armed', 'fired', 'cancelled', 'superseded')),
  fired_at timestamptz,
  PRIMARY KEY (key, kind, gen)
);
CREATE INDEX timer_due ON bus.timer (due_at) WHERE state = 'armed';
CREATE UNIQUE INDEX timer_one ON bus.timer (key, kind) WHERE state = 'armed';

-- Accounts whose tokens no longer count; kept until their last token has run out.
CREATE TABLE bus.revoked (
  account text PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now()
);
