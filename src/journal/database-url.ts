import { readFileSync } from 'node:fs';

import { TccError } from '../lib/errors';

/** Where the journal's database is. */
export type DatabaseAddress = MysqlAddress | SqliteAddress;

export interface SqliteAddress {
  readonly kind: 'sqlite';
  readonly path: string;
}

export interface MysqlHost {
  readonly host: string;
  readonly port: number;
}

export interface MysqlAddress extends MysqlHost {
  readonly kind: 'mysql';
  /** Every host that the URL names, in its order; `host` and `port` are one of them, at first the first. */
  readonly hosts: readonly MysqlHost[];
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

/** As many as a replication group may have members. Each is asked a small question twice a second. */
const MOST_HOSTS = 9;

/** As the mysql client names them, and in its order of strictness. */
const SSL_MODES = ['DISABLED', 'REQUIRED', 'VERIFY_CA', 'VERIFY_IDENTITY'] as const;

const OPTIONS = new Set(['ssl-mode', 'ssl-ca', 'ssl-cert', 'ssl-key']);

/**
 * Reads `sqlite:PATH`, `mysql://user:password@host:port/database` or `mariadb://…`; the latter two with several
 * hosts (`h1:3306,h2:3306`) of which one takes writes at a time, and with `?ssl-mode=DISABLED|REQUIRED|VERIFY_CA|VERIFY_IDENTITY` (default DISABLED; VERIFY_IDENTITY when a CA is given),
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
  const [before, hostList, after] = split(text);
  const [url, ...others] = hostList.split(',').map((host) => readUrl(before + host + after));
  if (url === undefined) throw invalid('the host is missing');
  const database = decoded(url.pathname.slice(1));
  if (!/^[A-Za-z0-9_$-]{1,64}$/.test(database)) {
    throw invalid('the path must name the database, as in mysql://host:3306/tcc (letters, digits, _, $, -)');
  }
  const hosts = hostsOf([url, ...others]);
  return {
    kind: 'mysql',
    ...hosts[0],
    hosts,
    user: url.username === '' ? 'root' : decoded(url.username),
    password: decoded(url.password),
    database,
    tls: tlsOf(url.searchParams),
  };
}

/** The hosts' part and what is around it. A comma in a password is no separator: the hosts begin after the last @. */
function split(text: string): readonly [before: string, hosts: string, after: string] {
  const start = text.indexOf('//') + 2;
  const length = text.slice(start).search(/[/?#]/);
  const end = length < 0 ? text.length : start + length;
  const from = Math.max(text.lastIndexOf('@', end - 1) + 1, start);
  return [text.slice(0, from), text.slice(from, end), text.slice(end)];
}

function readUrl(text: string): URL {
  try {
    return new URL(text);
  } catch {
    throw invalid('it cannot be read as mysql://user:password@host:port/database');
  }
}

/** A stray % cannot be decoded; the error that says so must not show the text. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('a % must be followed by two hexadecimal digits (write %25 for %)');
  }
}

function hostsOf(urls: readonly [URL, ...URL[]]): readonly [MysqlHost, ...MysqlHost[]] {
  if (urls.length > MOST_HOSTS) throw invalid(`it names ${urls.length} hosts; at most ${MOST_HOSTS} are allowed`);
  const [first, ...others] = urls.map(hostOf);
  if (first === undefined) throw invalid('the host is missing');
  const hosts = [first, ...others] as const;
  const names = hosts.map(nameOf);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid(`it names ${twice} twice`);
  return hosts;
}

function hostOf(url: URL): MysqlHost {
  if (url.hostname === '') throw invalid('the host is missing');
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? DEFAULT_MYSQL_PORT : Number(url.port),
  };
}

/** host:port, for logs and errors. */
export function nameOf({ host, port }: MysqlHost): string {
  return `${host}:${port}`;
}

/** All hosts and the database, for logs and errors: never with user or password. */
export function labelOf({ hosts, database }: MysqlAddress): string {
  return `${hosts.map(nameOf).join(',')}/${database}`;
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
