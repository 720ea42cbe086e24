import { readFileSync } from 'node:fs';

import { TccError } from '../lib/errors';

/** Where the journal's database is. */
export type DatabaseAddress = MysqlAddress | SqliteAddress;

export interface SqliteAddress {
  readonly kind: 'sqlite';
  readonly path: string;
}

export interface MysqlAddress {
  readonly kind: 'mysql';
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly tls: Tls | undefined;
}

export interface Tls {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly rejectUnauthorized: boolean;
  readonly verifyIdentity: boolean;
}

const DEFAULT_MYSQL_PORT = 3306;

/** As the mysql client names them, and in its order of strictness. */
const SSL_MODES = ['DISABLED', 'REQUIRED', 'VERIFY_CA', 'VERIFY_IDENTITY'] as const;

const OPTIONS = new Set(['ssl-mode', 'ssl-ca', 'ssl-cert', 'ssl-key']);

/**
 * Reads `sqlite:PATH`, `mysql://user:password@host:port/database` or `mariadb://…`; the latter two with
 * `?ssl-mode=DISABLED|REQUIRED|VERIFY_CA|VERIFY_IDENTITY` (default DISABLED; VERIFY_IDENTITY when a CA is given),
 * `ssl-ca`, `ssl-cert` and `ssl-key` (paths of PEM files). Throws INVALID_REQUEST, without the password in its text.
 */
export function parseDatabaseUrl(text: string): DatabaseAddress {
  if (text.startsWith('sqlite:')) return sqliteAddress(text.slice('sqlite:'.length));
  if (/^(mysql|mariadb):\/\//.test(text)) return mysqlAddress(text);
  throw invalid('it must start with sqlite:, mysql:// or mariadb://');
}

function sqliteAddress(rest: string): SqliteAddress {
  const path = rest.replace(/^\/\/(?=\/)/, '');
  if (path === '' || path.startsWith('//'))
    throw invalid('sqlite: must be followed by a path, as in sqlite:tccd.sqlite');
  if (path.includes(':memory:')) throw invalid('the journal must be a file: an in-memory database keeps no promise');
  return { kind: 'sqlite', path };
}

function mysqlAddress(text: string): MysqlAddress {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw invalid('it cannot be read as mysql://user:password@host:port/database');
  }
  const database = decodeURIComponent(url.pathname.slice(1));
  if (!/^[A-Za-z0-9_$-]{1,64}$/.test(database)) {
    throw invalid('the path must name the database, as in mysql://host:3306/tcc (letters, digits, _, $, -)');
  }
  if (url.hostname === '') throw invalid('the host is missing');
  return {
    kind: 'mysql',
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? DEFAULT_MYSQL_PORT : Number(url.port),
    user: url.username === '' ? 'root' : decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database,
    tls: tlsOf(url.searchParams),
  };
}

function tlsOf(options: URLSearchParams): Tls | undefined {
  for (const name of options.keys()) {
    if (!OPTIONS.has(name)) throw invalid(`it has an unknown option ${name}; known are ${[...OPTIONS].join(', ')}`);
  }
  const ca = pem(options, 'ssl-ca');
  const named = (options.get('ssl-mode') ?? (ca === undefined ? 'DISABLED' : 'VERIFY_IDENTITY')).toUpperCase();
  const mode = SSL_MODES.find((each) => each === named);
  if (mode === undefined) throw invalid(`ssl-mode must be one of ${SSL_MODES.join(', ')}`);
  if (mode === 'DISABLED') {
    if (ca !== undefined) throw invalid('ssl-ca contradicts ssl-mode=DISABLED');
    return undefined;
  }
  return {
    ca,
    cert: pem(options, 'ssl-cert'),
    key: pem(options, 'ssl-key'),
    rejectUnauthorized: mode !== 'REQUIRED',
    verifyIdentity: mode === 'VERIFY_IDENTITY',
  };
}

function pem(options: URLSearchParams, name: string): string | undefined {
  const path = options.get(name);
  if (path === null) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new TccError('INVALID_REQUEST', `the database URL's ${name} cannot be read: ${path}`, { cause });
  }
}

function invalid(why: string): TccError {
  return new TccError('INVALID_REQUEST', `the database URL is not usable: ${why}`);
}
