import { allSettings, defaultOf, type Setting } from './sources';

/** The text of `tccd --help`. */
export function usage(): string {
  return `tccd, the TCC transaction coordinator

Usage
  tccd [serve]            serve until SIGTERM or SIGINT, then drain
  tccd migrate            bring the database's schema up to date
  tccd migrate --status   show which migrations are applied (exit code 3 when some are not)
  tccd config             show the effective config, without secrets

Flags
  --config FILE           a YAML file with settings (or TCC_CONFIG)
  --help, --version

Settings: flags before environment variables before the file
${allSettings.map(line).join('\n')}

Exit codes: 0 done, 1 could not start or stop, 2 wrong usage or config, 3 migrations to come, 70 a bug,
130 stopped by a second signal before it was drained
`;
}

function line({ path, flag, env, kind }: Setting): string {
  const fallback = kind === 'list' ? '[] (YAML)' : shown(path);
  return `  ${flag.padEnd(38)} ${env.padEnd(38)} ${fallback}`.trimEnd();
}

function shown(path: string): string {
  const value = defaultOf(path);
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
