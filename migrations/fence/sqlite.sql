-- The fence of the participant SDK, in the database of the business tables: one row per branch. It needs no other index;
-- purging walks the key and deletes by the full key.
-- Keys are compared byte for byte, as SQLite does by default.
CREATE TABLE IF NOT EXISTS tcc_fence (
  gid TEXT NOT NULL,
  branch_id TEXT NOT NULL,
  status TEXT NOT NULL,
  calls INTEGER NOT NULL,
  reply BLOB NULL,
  reply_type TEXT NULL,
  created_at_ms INTEGER NOT NULL,
  last_call_at_ms INTEGER NOT NULL,
  PRIMARY KEY (gid, branch_id)
) WITHOUT ROWID;
