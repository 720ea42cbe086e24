-- One row per running coordinator: where participants and other coordinators find it.
CREATE TABLE IF NOT EXISTS tcc_coordinators (
  coordinator_id TEXT NOT NULL,
  address        TEXT NOT NULL,
  expires_at     INTEGER NOT NULL,
  PRIMARY KEY (coordinator_id)
) STRICT, WITHOUT ROWID
