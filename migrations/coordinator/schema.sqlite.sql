CREATE TABLE tcc_attempts (
  gid          TEXT NOT NULL,
  branch_id    TEXT NOT NULL,
  phase        INTEGER NOT NULL,
  slot         INTEGER NOT NULL,
  attempt      INTEGER NOT NULL,
  code         TEXT NOT NULL,
  message      TEXT NOT NULL CHECK (length(message) <= 512),
  attempted_at INTEGER NOT NULL,
  PRIMARY KEY (gid, branch_id, phase, slot)
) STRICT, WITHOUT ROWID;

CREATE TABLE tcc_branches (
  gid            TEXT NOT NULL,
  branch_id      TEXT NOT NULL CHECK (length(branch_id) BETWEEN 1 AND 64),
  ordinal        INTEGER NOT NULL,
  participant    TEXT NOT NULL CHECK (length(participant) <= 64),
  action         TEXT NOT NULL CHECK (length(action) <= 64),
  tried_by       INTEGER NOT NULL,
  payload        BLOB NOT NULL,
  content_type   TEXT NOT NULL CHECK (length(content_type) <= 255),
  status         INTEGER NOT NULL,
  try_reply      BLOB,
  try_reply_type TEXT CHECK (length(try_reply_type) <= 255),
  attempts       INTEGER NOT NULL,
  refusals       INTEGER NOT NULL,
  last_error     TEXT NOT NULL CHECK (length(last_error) <= 512),
  registered_at  INTEGER NOT NULL,
  tried_at       INTEGER,
  finished_at    INTEGER,
  PRIMARY KEY (gid, branch_id)
) STRICT;

CREATE TABLE tcc_coordinators (
  coordinator_id TEXT NOT NULL,
  address        TEXT NOT NULL,
  expires_at     INTEGER NOT NULL,
  PRIMARY KEY (coordinator_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE tcc_migrations (
  version    BIGINT NOT NULL PRIMARY KEY,
  name       VARCHAR(128) NOT NULL,
  checksum   VARCHAR(64) NOT NULL,
  applied_at BIGINT NOT NULL
);

CREATE TABLE tcc_participants (
  participant TEXT NOT NULL,
  instance_id TEXT NOT NULL,
  address     TEXT NOT NULL,
  actions     TEXT NOT NULL,
  expires_at  INTEGER NOT NULL,
  saved_at    INTEGER NOT NULL,
  PRIMARY KEY (participant, instance_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE tcc_transactions (
  gid              TEXT NOT NULL CHECK (length(gid) BETWEEN 1 AND 64),
  name             TEXT NOT NULL CHECK (length(name) <= 64),
  mode             INTEGER NOT NULL,
  try_order        INTEGER NOT NULL,
  status           INTEGER NOT NULL,
  is_open          INTEGER NOT NULL,
  parked           INTEGER NOT NULL,
  reason_code      INTEGER,
  reason_branch_id TEXT,
  reason_message   TEXT CHECK (length(reason_message) <= 512),
  created_at       INTEGER NOT NULL,
  deadline_at      INTEGER NOT NULL,
  due_at           INTEGER,
  decided_at       INTEGER,
  finished_at      INTEGER,
  rounds           INTEGER NOT NULL,
  epoch            INTEGER NOT NULL,
  worker           TEXT NOT NULL CHECK (length(worker) <= 255),
  branch_count     INTEGER NOT NULL,
  PRIMARY KEY (gid)
) STRICT, WITHOUT ROWID;

CREATE INDEX ix_tcc_transactions_due ON tcc_transactions (is_open, due_at);
