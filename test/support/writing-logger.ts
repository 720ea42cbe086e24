import type { Logger } from '../../src/lib/logger';

/** Writes every line down: its message, and the coordinator that it is about. */
export function writingLogger(lines: string[]): Logger {
  const line = (fields: Readonly<Record<string, unknown>>, message: string) => {
    const { coordinator = '' } = fields as { readonly coordinator?: string };
    lines.push(`${message} ${coordinator}`.trim());
  };
  const logger: Logger = { debug: line, info: line, warn: line, error: line, child: () => logger };
  return logger;
}
