-- What evaluation keeps of every case: what was heard of it, its lots, its call-backs, and the facts the rates are made of.

CREATE TABLE case_file (
  id uuid PRIMARY KEY,
  case_no text,
  -- Packed (kit::state): only the service reads it, and the database need not take it apart at each write.
  state bytea NOT NULL
) WITH (fillfactor = 60); -- what is heard next of a case finds room beside it, and no index hears of it

-- Facts are written with the case they belong to, in one transaction by the one function that writes them. A foreign key would look
-- the case up again for each of them and write a lock into it.

-- One row for each round of handling of each case, as the rates count it.
CREATE TABLE round_fact (
  case_id uuid NOT NULL,
  round int NOT NULL CHECK (round > 0),
  head_id uuid NOT NULL,
  lead_unit text,
  closed_at timestamptz,
  callback_state text
    CHECK (callback_state IN ('drawn', 'recorded', 'unreached', 'adjudication', 'upheld', 'excluded', 'lapsed')),
  responded bool,
  resolved bool,
  satisfied bool,
  PRIMARY KEY (case_id, round),
  CHECK (callback_state IS NULL OR closed_at IS NOT NULL),
  CHECK (COALESCE(callback_state IN ('recorded', 'adjudication', 'upheld', 'excluded'), false) = (satisfied IS NOT NULL)),
  CHECK ((responded IS NULL) = (satisfied IS NULL) AND (resolved IS NULL) = (satisfied IS NULL))
);
COMMENT ON COLUMN round_fact.head_id IS 'the head that is handled for it; the case itself where it stands alone';
COMMENT ON COLUMN round_fact.lead_unit IS 'who led by its own orders; the lead of a member stands in the row of its head';
CREATE INDEX round_fact_closed ON round_fact (closed_at) WHERE closed_at IS NOT NULL;

-- One row for each order, as the response rate counts it.
CREATE TABLE order_fact (
  id uuid PRIMARY KEY,
  case_id uuid NOT NULL,
  round int NOT NULL CHECK (round > 0),
  unit_code text NOT NULL,
  withdrawn bool NOT NULL,
  acknowledged_in_time bool NOT NULL
);
CREATE INDEX order_fact_round ON order_fact (case_id, round);

-- Call-backs as lists ask for them; the whole of each stands in its case's file.
CREATE TABLE callback (
  id uuid PRIMARY KEY,
  case_id uuid NOT NULL REFERENCES case_file,
  round int NOT NULL CHECK (round > 0),
  lot bigint NOT NULL CHECK (lot >= 0),
  state text NOT NULL
    CHECK (state IN ('drawn', 'recorded', 'unreached', 'adjudication', 'upheld', 'excluded', 'lapsed')),
  waits_since timestamptz CHECK ((waits_since IS NOT NULL) = (state IN ('drawn', 'adjudication'))),
  UNIQUE (case_id, round)
);
CREATE INDEX callback_state ON callback (state, lot, id);
CREATE INDEX callback_waiting ON callback (case_id, id) WHERE waits_since IS NOT NULL;

-- The panel's words; never in events.
CREATE TABLE adjudication (
  callback_id uuid PRIMARY KEY REFERENCES callback,
  decided_at timestamptz NOT NULL,
  reason bytea NOT NULL
);
COMMENT ON COLUMN adjudication.reason IS 'sealed by the service under the case''s key; opens only in this row';
