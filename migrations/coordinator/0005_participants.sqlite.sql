-- One row per instance that registered itself. actions: a JSON array of its actions.
CREATE TABLE IF NOT EXISTS tcc_participants (
  participant TEXT NOT NULL,
  instance_id TEXT NOT NULL,
  address     TEXT NOT NULL,
  actions     TEXT NOT NULL,
  expires_at  INTEGER NOT NULL,
  saved_at    INTEGER NOT NULL,
  PRIMARY KEY (participant, instance_id)
) STRICT, WITHOUT ROWID
