-- Calls that are worth a line in the timeline. slot = attempt modulo the number that is kept: a ring per branch and phase.
CREATE TABLE IF NOT EXISTS tcc_attempts (
  gid          VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  branch_id    VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  phase        TINYINT NOT NULL,
  slot         INT NOT NULL,
  attempt      INT NOT NULL,
  code         VARCHAR(64) NOT NULL,
  message      VARCHAR(512) NOT NULL,
  attempted_at BIGINT NOT NULL,
  PRIMARY KEY (gid, branch_id, phase, slot)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
