/** One log line: camelCase fields first, a constant message second. Payloads are never logged. */
export type LogLine = (fields: Record<string, unknown>, message: string) => void;

/** What every module logs with. pino fits it. */
export interface Logger {
  readonly debug: LogLine;
  readonly info: LogLine;
  readonly warn: LogLine;
  readonly error: LogLine;
  /** A logger that adds `fields` to every line. */
  child(fields: Record<string, unknown>): Logger;
}

/** Says nothing. For libraries whose user gave no logger. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
