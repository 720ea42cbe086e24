-- One row per instance that registered itself. actions: a JSON array of its actions.
CREATE TABLE IF NOT EXISTS tcc_participants (
  participant VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  instance_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  address     VARCHAR(512) NOT NULL,
  actions     MEDIUMTEXT NOT NULL,
  expires_at  BIGINT NOT NULL,
  saved_at    BIGINT NOT NULL,
  PRIMARY KEY (participant, instance_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
