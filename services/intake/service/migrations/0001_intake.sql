-- Intake's memory: the vault that alone knows complainants, the cases without a word a person wrote, and what complainants were told.

-- What one registration writes is written in one transaction by the one function that writes it. A foreign key would look each row's
-- parent up again and write a lock into it, at a third of what the rows themselves cost; it stands where rows come later.

-- 信息库: one key per complainant, wrapped by the master key outside the database. It seals the identity and the text as it was
-- written. Without the wrapped key nobody reads either again, in no backup made later and with no other row's key.
CREATE TABLE complainant (
  id uuid PRIMARY KEY,
  wrapped_key bytea,
  identity bytea,
  title bytea,
  body bytea,
  created_at timestamptz NOT NULL,
  CHECK ((wrapped_key IS NULL) = (identity IS NULL)),
  CHECK ((wrapped_key IS NULL) = (title IS NULL)),
  CHECK ((wrapped_key IS NULL) = (body IS NULL))
);

-- Numbers are gap-free in their year: whoever counts holds the row until commit.
CREATE TABLE case_counter (
  year smallint PRIMARY KEY,
  last bigint NOT NULL CHECK (last >= 0)
);

CREATE TABLE cases (
  id uuid PRIMARY KEY,
  number text NOT NULL,
  tracking_code text NOT NULL,
  stage text NOT NULL CHECK (stage IN ('registered', 'accepted', 'handled', 'declined', 'routed_away', 'closed', 'withdrawn')),
  stage_since timestamptz NOT NULL,
  round int NOT NULL,
  region text NOT NULL CHECK (region ~ '^[0-9]{9}([0-9]{3})?$'),
  object_type text NOT NULL,
  matters jsonb NOT NULL CHECK (jsonb_array_length(matters) > 0),
  channel text NOT NULL,
  registered_at timestamptz NOT NULL,
  complainant_id uuid NOT NULL,
  head_id uuid REFERENCES cases,
  sealed_from text,
  open_task text CHECK (open_task IN ('intake.decide', 'intake.receipt')),
  -- Packed (kit::state): only the service reads it, and the database need not take it apart at each write.
  state bytea NOT NULL,
  CONSTRAINT case_number_once UNIQUE (number),
  CONSTRAINT tracking_code_once UNIQUE (tracking_code),
  CHECK (head_id <> id),
  -- A round of handling exists exactly while and after a case is handled.
  CHECK ((stage IN ('accepted', 'handled', 'closed')) = (round > 0)),
  -- What has not been decided waits for a person, always.
  CHECK ((stage = 'registered') = (open_task IS NOT NULL AND open_task = 'intake.decide')),
  CHECK (open_task IS DISTINCT FROM 'intake.receipt' OR stage = 'routed_away')
) WITH (fillfactor = 60); -- the first thing heard of a case finds room beside it, and no index hears of it
COMMENT ON COLUMN cases.head_id IS 'the head this case is decided, ordered and closed with';
CREATE INDEX cases_head ON cases (head_id) WHERE head_id IS NOT NULL;
CREATE INDEX cases_open_task ON cases (id) WHERE open_task IS NOT NULL;
CREATE INDEX cases_stage ON cases (stage, id);
CREATE INDEX cases_region ON cases (region text_pattern_ops, id);

-- The receiving unit and all that have a share or were asked.
CREATE TABLE case_unit (
  case_id uuid NOT NULL,
  unit text NOT NULL,
  PRIMARY KEY (case_id, unit)
);

-- The second wall: reads for a department run as this role, which sees the cases the unit has a share in and no others; never one
-- that accuses it.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'intake_department') THEN
    CREATE ROLE intake_department NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL; -- another database of this server was made at the same moment
END $$;
DO $$
BEGIN
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
     AND NOT pg_has_role(current_user, 'intake_department', 'MEMBER') THEN
    EXECUTE format('GRANT intake_department TO %I', current_user);
  END IF;
END $$;
GRANT SELECT ON cases, case_unit TO intake_department;
ALTER TABLE case_unit ENABLE ROW LEVEL SECURITY;
ALTER TABLE case_unit FORCE ROW LEVEL SECURITY;
CREATE POLICY case_unit_of_the_unit ON case_unit
  USING (current_user <> 'intake_department' OR unit = current_setting('xiezhi.unit', true));
ALTER TABLE cases ENABLE ROW LEVEL SECURITY;
ALTER TABLE cases FORCE ROW LEVEL SECURITY;
CREATE POLICY cases_of_the_unit ON cases
  USING (current_user <> 'intake_department'
         OR (EXISTS (SELECT FROM case_unit u WHERE u.case_id = id)
             AND sealed_from IS DISTINCT FROM current_setting('xiezhi.unit', true)));

-- Where earlier cases of the same problem are found.
CREATE TABLE problem (
  town text NOT NULL,
  matter text NOT NULL,
  registered_at timestamptz NOT NULL,
  case_id uuid NOT NULL,
  PRIMARY KEY (town, matter, registered_at, case_id)
);

-- Where earlier cases of the same complainant are found: keyed hashes of phone and document, never the values.
CREATE TABLE complainant_digest (
  digest bytea NOT NULL CHECK (length(digest) = 32),
  case_id uuid NOT NULL,
  PRIMARY KEY (digest, case_id)
);
CREATE INDEX complainant_digest_case ON complainant_digest (case_id);

-- 隐名文本: one key per case. It outlives the complainant's.
CREATE TABLE case_text (
  case_id uuid PRIMARY KEY,
  wrapped_key bytea NOT NULL,
  masked_title bytea NOT NULL,
  masked_body bytea NOT NULL
);

-- What a person weighed before declining, sealed under the complainant's key.
CREATE TABLE considered (
  id uuid PRIMARY KEY,
  case_id uuid NOT NULL REFERENCES cases,
  rule text NOT NULL,
  account text NOT NULL,
  sealed bytea NOT NULL,
  at timestamptz NOT NULL
);
CREATE INDEX considered_case ON considered (case_id);

-- 查阅登记: written and committed before an identity leaves. The journal has the same entry in its chain.
CREATE TABLE reveal (
  id uuid PRIMARY KEY,
  case_id uuid NOT NULL REFERENCES cases,
  account text NOT NULL,
  unit text NOT NULL,
  purpose text NOT NULL CHECK (purpose IN ('callback', 'serve_notice', 'verify_facts', 'reception', 'emergency')),
  reason bytea NOT NULL,
  with_text bool NOT NULL,
  at timestamptz NOT NULL
);
COMMENT ON COLUMN reveal.reason IS 'sealed under the case''s key';
CREATE INDEX reveal_case ON reveal (case_id, id);
CREATE INDEX reveal_account ON reveal (account, id);
CREATE FUNCTION reveal_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'reveal is insert-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER reveal_insert_only BEFORE UPDATE OR DELETE ON reveal
  FOR EACH STATEMENT EXECUTE FUNCTION reveal_is_kept();
CREATE TRIGGER reveal_no_truncate BEFORE TRUNCATE ON reveal
  FOR EACH STATEMENT EXECUTE FUNCTION reveal_is_kept();

CREATE TABLE reveal_quota (
  account text NOT NULL,
  day date NOT NULL,
  used int NOT NULL CONSTRAINT reveal_quota_kept CHECK (used BETWEEN 0 AND 50),
  PRIMARY KEY (account, day)
);

-- 告知书: what complainants were told. Templates and codes, nobody's own words.
CREATE TABLE notice (
  id uuid PRIMARY KEY,
  case_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('acceptance', 'decline', 'route', 'extension', 'reply')),
  round int NOT NULL CHECK (round >= 0),
  delivery text NOT NULL CHECK (delivery IN ('on_the_spot', 'public_query')),
  template text NOT NULL,
  content jsonb NOT NULL,
  served_at timestamptz NOT NULL
);
CREATE INDEX notice_case ON notice (case_id, id);

-- 门诊诊断 as assignment said it, shown to the accepting clerk.
CREATE TABLE diagnosis (
  case_id uuid PRIMARY KEY REFERENCES cases,
  body bytea NOT NULL
);
