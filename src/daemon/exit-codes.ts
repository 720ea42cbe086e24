/** What tccd's exit code says. */
export const exitCodes = {
  /** It did what it was told, or was told to stop and drained. */
  ok: 0,
  /** It could not start, migrate or stop cleanly: the database, the port, the schema. */
  failed: 1,
  /** The command line, the environment or the config file is wrong. */
  usage: 2,
  /** `tccd migrate --status`: migrations are still to come. */
  pending: 3,
  /** A bug: an invariant broke. Nothing that was promised is lost; the journal is read again at the next start. */
  bug: 70,
  /** A second signal cut the draining short. */
  forced: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
