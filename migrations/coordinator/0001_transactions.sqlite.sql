-- One row per transaction. The codes of the numbers stand in src/journal/codes.ts; times are epoch ms of this database.
-- due_at: of an open transaction, when somebody must look at it next (NULL: parked); of a terminal one, when it may be purged.
CREATE TABLE IF NOT EXISTS tcc_transactions (
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
) STRICT, WITHOUT ROWID
