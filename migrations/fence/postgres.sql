-- The fence of the participant SDK, in the database of the business tables: one row per branch. It needs no other index;
-- purging walks the key and deletes by the full key.
-- Keys are compared byte for byte, whatever the collation of the database.
CREATE TABLE IF NOT EXISTS tcc_fence (
  gid VARCHAR(64) COLLATE "C" NOT NULL,
  branch_id VARCHAR(64) COLLATE "C" NOT NULL,
  status VARCHAR(9) NOT NULL,
  calls INTEGER NOT NULL,
  reply BYTEA NULL,
  reply_type VARCHAR(64) NULL,
  created_at_ms BIGINT NOT NULL,
  last_call_at_ms BIGINT NOT NULL,
  PRIMARY KEY (gid, branch_id)
);
