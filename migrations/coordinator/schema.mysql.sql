CREATE TABLE tcc_attempts (
  gid varchar(64) COLLATE ascii_bin NOT NULL,
  branch_id varchar(64) COLLATE ascii_bin NOT NULL,
  phase tinyint NOT NULL,
  slot int NOT NULL,
  attempt int NOT NULL,
  code varchar(64) COLLATE utf8mb4_bin NOT NULL,
  message varchar(512) COLLATE utf8mb4_bin NOT NULL,
  attempted_at bigint NOT NULL,
  PRIMARY KEY (gid, branch_id, phase, slot)
);

CREATE TABLE tcc_branches (
  gid varchar(64) COLLATE ascii_bin NOT NULL,
  branch_id varchar(64) COLLATE ascii_bin NOT NULL,
  ordinal int NOT NULL,
  participant varchar(64) COLLATE ascii_bin NOT NULL,
  action varchar(64) COLLATE ascii_bin NOT NULL,
  tried_by tinyint NOT NULL,
  payload mediumblob NOT NULL,
  content_type varchar(255) COLLATE utf8mb4_bin NOT NULL,
  status tinyint NOT NULL,
  try_reply mediumblob NULL,
  try_reply_type varchar(255) COLLATE utf8mb4_bin NULL,
  attempts int NOT NULL,
  refusals int NOT NULL,
  last_error varchar(512) COLLATE utf8mb4_bin NOT NULL,
  registered_at bigint NOT NULL,
  tried_at bigint NULL,
  finished_at bigint NULL,
  PRIMARY KEY (gid, branch_id)
);

CREATE TABLE tcc_coordinators (
  coordinator_id varchar(64) COLLATE ascii_bin NOT NULL,
  address varchar(255) COLLATE ascii_bin NOT NULL,
  expires_at bigint NOT NULL,
  PRIMARY KEY (coordinator_id)
);

CREATE TABLE tcc_migrations (
  version bigint NOT NULL,
  name varchar(128) COLLATE ascii_bin NOT NULL,
  checksum varchar(64) COLLATE ascii_bin NOT NULL,
  applied_at bigint NOT NULL,
  PRIMARY KEY (version)
);

CREATE TABLE tcc_participants (
  participant varchar(64) COLLATE ascii_bin NOT NULL,
  instance_id varchar(64) COLLATE ascii_bin NOT NULL,
  address varchar(512) COLLATE utf8mb4_bin NOT NULL,
  actions mediumtext COLLATE utf8mb4_bin NOT NULL,
  expires_at bigint NOT NULL,
  saved_at bigint NOT NULL,
  PRIMARY KEY (participant, instance_id)
);

CREATE TABLE tcc_transactions (
  gid varchar(64) COLLATE ascii_bin NOT NULL,
  name varchar(64) COLLATE utf8mb4_bin NOT NULL,
  mode tinyint NOT NULL,
  try_order tinyint NOT NULL,
  status tinyint NOT NULL,
  is_open tinyint NOT NULL,
  parked tinyint NOT NULL,
  reason_code tinyint NULL,
  reason_branch_id varchar(64) COLLATE ascii_bin NULL,
  reason_message varchar(512) COLLATE utf8mb4_bin NULL,
  created_at bigint NOT NULL,
  deadline_at bigint NOT NULL,
  due_at bigint NULL,
  decided_at bigint NULL,
  finished_at bigint NULL,
  rounds int NOT NULL,
  epoch int NOT NULL,
  worker varchar(255) COLLATE utf8mb4_bin NOT NULL,
  branch_count int NOT NULL,
  PRIMARY KEY (gid),
  KEY ix_tcc_transactions_due (is_open, due_at)
);
