-- One row per branch. Its status is the last that was worth writing by itself: where the transaction's status implies more
-- (CONFIRMING: every branch is tried; CONFIRMED, CANCELLED: every branch is), that holds.
CREATE TABLE IF NOT EXISTS tcc_branches (
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
) STRICT
