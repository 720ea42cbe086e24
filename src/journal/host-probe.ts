/**
 * Asks one host of several whether it takes writes. What a host says is its own view and may be behind the others': a
 * primary that stood still says for seconds after it was replaced that nothing has changed (seen on Group Replication 9.7).
 * So an answer is good for choosing where to connect; what keeps a stale host's reads from being believed stands in
 * `cluster.ts`.
 */
import { createConnection, type Connection } from 'mysql2';

import type { Clock } from '../lib/clock';

import type { MysqlAddress } from './database-url';
import { socketOptions } from './mysql-tls';

export type HostAnswer =
  /** It says that it takes writes. `aheadMs`: its clock less this process's monotonic clock. */
  | { readonly kind: 'writable'; readonly flavour: Flavour; readonly aheadMs: number }
  /** It answers, and says that it is not the one. `flavour`: when it is a member of a group all the same. */
  | { readonly kind: 'refusing'; readonly why: string; readonly flavour?: Flavour }
  /** No answer in time, or none that tells anything. */
  | { readonly kind: 'silent'; readonly why: string };

/**
 * What the host belongs to.
 * `plain`: replication in one direction, if any; whoever is not read-only takes writes.
 * `group`: MySQL Group Replication. `view` names its membership; one that is greater as text is newer.
 * `galera`: every node of it takes writes.
 */
export type Flavour =
  | { readonly kind: 'plain' }
  | { readonly kind: 'group'; readonly name: string; readonly view: string; readonly isSinglePrimary: boolean }
  | { readonly kind: 'galera'; readonly name: string };

/** One round trip and a little work. A host that takes longer is of no use as a primary. */
export const PROBE_TIMEOUT_MS = 1_000;

/** What MySQL and MariaDB call it when a server, its tables or its storage may not be written to. */
const READ_ONLY_SWITCHES = ['read_only', 'super_read_only', 'innodb_read_only'] as const;

const KNOWN = [...READ_ONLY_SWITCHES, 'group_replication_group_name', 'wsrep_on', 'wsrep_cluster_name'];

const MEMBERS = 'performance_schema.replication_group_members';

const GROUP_STATE = `@@global.group_replication_group_name AS name, @@global.group_replication_single_primary_mode AS single_primary,
  (SELECT CONCAT(member_state, ' ', member_role) FROM ${MEMBERS} WHERE member_id = @@server_uuid) AS self,
  (SELECT COUNT(*) FROM ${MEMBERS}) AS members,
  (SELECT COUNT(*) FROM ${MEMBERS} WHERE member_state IN ('ONLINE', 'RECOVERING')) AS present,
  (SELECT MAX(view_id) FROM performance_schema.replication_group_member_stats) AS view_id`;

const GALERA_STATE =
  "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_ready', 'wsrep_cluster_status', 'wsrep_cluster_state_uuid')";

/** As many as a 64-bit number has. */
const VIEW_DIGITS = 20;

/** The server refuses a table for want of a privilege. */
const TABLE_DENIED = 1142;

type Facts = Readonly<Record<string, string | number | null>>;

/** One host and the connection over which it is asked. Owns that connection; `close` ends it. */
export class HostProbe {
  private readonly address: MysqlAddress;
  private readonly clock: Clock;
  private connection: Connection | undefined;
  private known: ReadonlyMap<string, string> = new Map();
  private asking: Promise<HostAnswer> | undefined;

  constructor(address: MysqlAddress, clock: Clock) {
    this.address = address;
    this.clock = clock;
  }

  /** Answers within about twice PROBE_TIMEOUT_MS at the first time, and within it later. Never rejects. */
  ask(): Promise<HostAnswer> {
    this.asking ??= this.answer().finally(() => {
      this.asking = undefined;
    });
    return this.asking;
  }

  async close(): Promise<void> {
    this.leave();
    await this.asking;
    this.leave();
  }

  private async answer(): Promise<HostAnswer> {
    try {
      if (this.connection === undefined) await this.connect();
      return await this.state();
    } catch (error) {
      this.leave();
      const { errno, code, message } = error as { errno?: unknown; code?: unknown; message: string };
      if (errno === TABLE_DENIED) {
        return { kind: 'refusing', why: `${message}: GRANT SELECT ON performance_schema.* TO tccd's user` };
      }
      return { kind: 'silent', why: message === '' ? String(code) : message };
    }
  }

  /** What the server knows of is looked up once: the questions that follow name only that. */
  private async connect(): Promise<void> {
    const { address } = this;
    const connection = createConnection({
      host: address.host,
      port: address.port,
      user: address.user,
      password: address.password,
      database: address.database,
      ...socketOptions(address),
      connectTimeout: PROBE_TIMEOUT_MS,
      flags: ['-LOCAL_FILES'],
    });
    // A failure comes with the statement that met it. After one between two statements the next gets a new connection.
    connection.on('error', () => {
      if (this.connection === connection) this.connection = undefined;
    });
    this.connection = connection;
    const names = KNOWN.map((name) => `'${name}'`).join(', ');
    const rows = await this.query(`SHOW GLOBAL VARIABLES WHERE Variable_name IN (${names})`);
    this.known = new Map(rows.map((row) => [text(row, 'Variable_name'), text(row, 'Value')]));
  }

  private async state(): Promise<HostAnswer> {
    const { known } = this;
    const switches = READ_ONLY_SWITCHES.filter((name) => known.has(name));
    const isGroup = (known.get('group_replication_group_name') ?? '') !== '';
    const columns = switches.map((name) => `@@global.${name} AS ${name}`);
    const askedMs = this.clock.monotonicMs();
    const [facts = {}] = await this.query(
      `SELECT ${[...columns, ...(isGroup ? [GROUP_STATE] : [])].join(', ')}, UNIX_TIMESTAMP(NOW(3)) * 1000 AS now_ms`,
    );
    const aheadMs = Math.round(Number(facts['now_ms']) - (askedMs + this.clock.monotonicMs()) / 2);
    const why = isGroup ? whyNotOfGroup(facts) : undefined;
    if (why !== undefined) return { kind: 'refusing', why, flavour: groupOf(facts) };
    const shut = switches.find((name) => isOn(facts[name]));
    if (shut !== undefined) return { kind: 'refusing', why: `${shut} is on` };
    if (isGroup) return { kind: 'writable', flavour: groupOf(facts), aheadMs };
    if (known.get('wsrep_on') !== 'ON') return { kind: 'writable', flavour: { kind: 'plain' }, aheadMs };
    const status = new Map((await this.query(GALERA_STATE)).map((row) => [text(row, 'Variable_name'), row['Value']]));
    if (status.get('wsrep_ready') !== 'ON' || status.get('wsrep_cluster_status') !== 'Primary') {
      return { kind: 'refusing', why: 'it is not in the primary component of its cluster' };
    }
    return {
      kind: 'writable',
      flavour: { kind: 'galera', name: String(status.get('wsrep_cluster_state_uuid')) },
      aheadMs,
    };
  }

  private query(sql: string): Promise<readonly Facts[]> {
    const { connection } = this;
    return new Promise((resolve, reject) => {
      if (connection === undefined) {
        reject(new Error('the probe is closed'));
        return;
      }
      connection.query({ sql, timeout: PROBE_TIMEOUT_MS }, (error, rows) => {
        if (error === null) resolve(rows as readonly Facts[]);
        else reject(error);
      });
    });
  }

  /** Destroying the socket, and not the connection, ends what waits for an answer on it as well. */
  private leave(): void {
    const { stream } = (this.connection ?? {}) as { readonly stream?: { destroy(error: Error): void } };
    this.connection = undefined;
    stream?.destroy(new Error('the probe is closed'));
  }
}

/** Undefined when it is the primary of a group that has its majority. */
function whyNotOfGroup(facts: Facts): string | undefined {
  const self = typeof facts['self'] === 'string' ? facts['self'].trim() : 'not started';
  if (self !== 'ONLINE PRIMARY') return `in its group it is ${self}`;
  const present = Number(facts['present']);
  const members = Number(facts['members']);
  return present * 2 > members ? undefined : `it reaches ${present} of ${members} members of its group`;
}

function groupOf(facts: Facts): Flavour {
  return {
    kind: 'group',
    name: text(facts, 'name'),
    view: viewOf(text(facts, 'view_id')),
    isSinglePrimary: isOn(facts['single_primary']),
  };
}

/** FOUNDED:COUNT, where the first grows when a group is founded anew. Both are too long for exact numbers. */
function viewOf(viewId: string): string {
  const [founded = '', count = ''] = viewId.split(':');
  return `${founded.padStart(VIEW_DIGITS, '0')}:${count.padStart(VIEW_DIGITS, '0')}`;
}

/** Servers say 0, '0', 'OFF', and MariaDB from version 12 'NO_LOCK' and more for degrees of read_only. */
function isOn(value: string | number | null | undefined): boolean {
  return !['0', 'OFF', ''].includes(String(value ?? '').toUpperCase());
}

function text(row: Facts, name: string): string {
  return String(row[name] ?? '');
}
