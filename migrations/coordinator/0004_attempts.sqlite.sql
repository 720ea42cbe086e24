-- Calls that are worth a line in the timeline. slot = attempt modulo the number that is kept: a ring per branch and phase.
CREATE TABLE IF NOT EXISTS tcc_attempts (
  gid          TEXT NOT NULL,
  branch_id    TEXT NOT NULL,
  phase        INTEGER NOT NULL,
  slot         INTEGER NOT NULL,
  attempt      INTEGER NOT NULL,
  code         TEXT NOT NULL,
  message      TEXT NOT NULL CHECK (length(message) <= 512),
  attempted_at INTEGER NOT NULL,
  PRIMARY KEY (gid, branch_id, phase, slot)
) STRICT, WITHOUT ROWID
