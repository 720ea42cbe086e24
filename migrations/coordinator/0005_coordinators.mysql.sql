-- One row per running coordinator: where participants and other coordinators find it.
CREATE TABLE IF NOT EXISTS tcc_coordinators (
  coordinator_id VARCHAR(64) NOT NULL,
  address        VARCHAR(255) NOT NULL,
  expires_at     BIGINT NOT NULL,
  PRIMARY KEY (coordinator_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET ascii COLLATE ascii_bin
