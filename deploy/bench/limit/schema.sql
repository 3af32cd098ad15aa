-- What PostgreSQL alone needs for one case on the main path: the tables of four services, each in a schema of its own, with
-- rows as wide as a case's (a complaint of two hundred characters, an event of 160 bytes) and the indexes a reader needs.
-- Made anew before every run, so that each run finds the same, empty store.
DROP SCHEMA IF EXISTS intake, assignment, supervision, evaluation CASCADE;
CREATE SCHEMA intake;
CREATE SCHEMA assignment;
CREATE SCHEMA supervision;
CREATE SCHEMA evaluation;

CREATE TABLE intake.cases (
  id            uuid PRIMARY KEY,
  number        text NOT NULL UNIQUE,
  channel       smallint NOT NULL,
  town          smallint NOT NULL,
  matter        smallint NOT NULL,
  stage         smallint NOT NULL,
  complaint     text NOT NULL,
  complainant   text NOT NULL,
  registered_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON intake.cases (stage, registered_at);

CREATE TABLE intake.journal (
  pos        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  case_id    uuid NOT NULL,
  subject    text NOT NULL,
  body       bytea NOT NULL,
  written_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE assignment.heard (
  event_id uuid PRIMARY KEY,
  heard_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE assignment.determinations (
  case_id       uuid PRIMARY KEY,
  unit          smallint NOT NULL,
  item          integer NOT NULL,
  basis         text NOT NULL,
  determined_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON assignment.determinations (unit, determined_at);
CREATE TABLE assignment.journal (LIKE intake.journal INCLUDING ALL);

CREATE TABLE supervision.heard (LIKE assignment.heard INCLUDING ALL);
CREATE TABLE supervision.clocks (
  case_id uuid NOT NULL,
  kind    smallint NOT NULL,
  due_at  timestamptz NOT NULL,
  state   smallint NOT NULL DEFAULT 0,
  PRIMARY KEY (case_id, kind)
);
CREATE INDEX ON supervision.clocks (due_at) WHERE state = 0;

CREATE TABLE evaluation.heard (LIKE assignment.heard INCLUDING ALL);
CREATE TABLE evaluation.facts (
  case_id       uuid PRIMARY KEY,
  unit          smallint NOT NULL,
  town          smallint NOT NULL,
  matter        smallint NOT NULL,
  registered_at timestamptz NOT NULL,
  dispatched_at timestamptz,
  closed_at     timestamptz,
  score         smallint
);
CREATE INDEX ON evaluation.facts (unit, registered_at);
