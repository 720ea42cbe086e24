-- One row per transaction. The codes of the numbers stand in src/journal/codes.ts; times are epoch ms of this database.
-- due_at: of an open transaction, when somebody must look at it next (NULL: parked); of a terminal one, when it may be purged.
CREATE TABLE IF NOT EXISTS tcc_transactions (
  gid              VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  name             VARCHAR(64) NOT NULL,
  mode             TINYINT NOT NULL,
  try_order        TINYINT NOT NULL,
  status           TINYINT NOT NULL,
  is_open          TINYINT NOT NULL,
  parked           TINYINT NOT NULL,
  reason_code      TINYINT NULL,
  reason_branch_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  reason_message   VARCHAR(512) NULL,
  created_at       BIGINT NOT NULL,
  deadline_at      BIGINT NOT NULL,
  due_at           BIGINT NULL,
  decided_at       BIGINT NULL,
  finished_at      BIGINT NULL,
  rounds           INT NOT NULL,
  epoch            INT NOT NULL,
  worker           VARCHAR(255) NOT NULL,
  branch_count     INT NOT NULL,
  PRIMARY KEY (gid),
  KEY ix_tcc_transactions_due (is_open, due_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
