-- One row per branch. Its status is the last that was worth writing by itself: where the transaction's status implies more
-- (CONFIRMING: every branch is tried; CONFIRMED, CANCELLED: every branch is), that holds.
CREATE TABLE IF NOT EXISTS tcc_branches (
  gid            VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  branch_id      VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  ordinal        INT NOT NULL,
  participant    VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  action         VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  tried_by       TINYINT NOT NULL,
  payload        MEDIUMBLOB NOT NULL,
  content_type   VARCHAR(255) NOT NULL,
  status         TINYINT NOT NULL,
  try_reply      MEDIUMBLOB NULL,
  try_reply_type VARCHAR(255) NULL,
  attempts       INT NOT NULL,
  refusals       INT NOT NULL,
  last_error     VARCHAR(512) NOT NULL,
  registered_at  BIGINT NOT NULL,
  tried_at       BIGINT NULL,
  finished_at    BIGINT NULL,
  PRIMARY KEY (gid, branch_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
