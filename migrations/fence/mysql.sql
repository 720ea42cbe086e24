-- The fence of the participant SDK, in the database of the business tables: one row per branch. It needs no other index;
-- purging walks the key and deletes by the full key.
-- Keys are compared byte for byte: under the default collation Order-A would fence order-a.
CREATE TABLE IF NOT EXISTS tcc_fence (
  gid VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  branch_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  status VARCHAR(9) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  calls INT UNSIGNED NOT NULL,
  reply MEDIUMBLOB NULL,
  reply_type VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  created_at_ms BIGINT NOT NULL,
  last_call_at_ms BIGINT NOT NULL,
  PRIMARY KEY (gid, branch_id)
) ENGINE = InnoDB;
