import { TccError } from '../lib/errors';
import type { Logger } from '../lib/logger';

import type { Connection, Database, Row } from './database';

/** The oldest servers whose behaviour the statements rely on. */
const OLDEST = { MySQL: [8, 0], MariaDB: [10, 6] } as const;

/** A statement may be as long as 4 MiB of payload in hexadecimal and what is around it. */
const LEAST_PACKET_BYTES = 16 * 1024 * 1024;

/**
 * Looks at the server before anything is promised on it.
 * Throws WRONG_STATE when it is too old, or when `durability` is 'refuse' and a commit may be lost in a power cut.
 */
export function checkServer(database: Database, durability: 'warn' | 'refuse', logger: Logger): Promise<void> {
  if (database.dialect.name === 'sqlite') return Promise.resolve();
  return database.session(async (connection) => {
    const version = await variable(connection, 'version');
    refuseTooOld(version);
    for (const { name, value, why } of await risks(connection)) {
      if (durability === 'refuse')
        throw new TccError('WRONG_STATE', `the database ${database.label} is refused: ${name} is ${value}: ${why}`);
      logger.warn({ database: database.label, setting: name, value, why }, 'the database may lose commits');
    }
    const packetBytes = Number(await variable(connection, 'max_allowed_packet'));
    if (packetBytes < LEAST_PACKET_BYTES) {
      logger.warn(
        { database: database.label, maxAllowedPacket: packetBytes, advisedBytes: LEAST_PACKET_BYTES },
        'large payloads will be refused by the database',
      );
    }
  });
}

interface Risk {
  readonly name: string;
  readonly value: string;
  readonly why: string;
}

/** Settings with which a decision that was promised may be lost, or an older state taken for the truth. */
async function risks(connection: Connection): Promise<readonly Risk[]> {
  const found: Risk[] = [];
  const check = async (name: string, isSafe: (value: string) => boolean, why: string) => {
    const value = await variable(connection, name);
    // A server that has no such setting has no such risk.
    if (value !== '' && !isSafe(value)) found.push({ name, value, why });
  };
  const isOne = (value: string) => value === '1';
  await check('innodb_flush_log_at_trx_commit', isOne, 'a power cut may lose decisions that were promised');
  // With a binary log, recovery after a crash keeps only what is in it.
  if ((await variable(connection, 'log_bin')) === 'ON') {
    await check('sync_binlog', isOne, 'a power cut may lose decisions from the binary log, and with it at recovery');
  }
  if ((await variable(connection, 'group_replication_group_name')) !== '') {
    await check(
      'group_replication_consistency',
      (value) => value !== 'EVENTUAL',
      'a new primary may answer before it has applied what the old one had committed; set BEFORE_ON_PRIMARY_FAILOVER',
    );
  }
  return found;
}

/** SHOW VARIABLES answers everywhere, and with nothing for what a server does not know. */
async function variable(connection: Connection, name: string): Promise<string> {
  const [row]: readonly (Row | undefined)[] = await connection.read('SHOW VARIABLES WHERE Variable_name = ?', [name]);
  return String(row?.['Value'] ?? '');
}

function refuseTooOld(version: string): void {
  const family = /mariadb/i.test(version) ? 'MariaDB' : 'MySQL';
  // Some MariaDB servers put 5.5.5- before their version, for the sake of old replicas.
  const [, major, minor] = /(\d+)\.(\d+)/.exec(version.replace(/^5\.5\.5-/, '')) ?? [];
  const [oldestMajor, oldestMinor] = OLDEST[family];
  const isOld = Number(major) < oldestMajor || (Number(major) === oldestMajor && Number(minor) < oldestMinor);
  if (!isOld) return;
  throw new TccError(
    'WRONG_STATE',
    `the database server is ${family} ${version}; the oldest that works is ${family} ${oldestMajor}.${oldestMinor}`,
  );
}
