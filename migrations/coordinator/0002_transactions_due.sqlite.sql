-- The recovery scan and the purge; nothing else needs an index of its own.
CREATE INDEX IF NOT EXISTS ix_tcc_transactions_due ON tcc_transactions (is_open, due_at)
