import type { Knex } from 'knex';

import { openDatabase } from '../../../samples/shop/database/open';
import { transactionStatus } from '../../../src/journal/codes';
import type { TransactionStatus } from '../../../src/engine/model';

/** The coordinators' database as it is on disk, read past every coordinator and every proxy. */
export class Rows {
  private readonly db: Knex;

  constructor(databaseUrl: string) {
    this.db = openDatabase(databaseUrl).db;
  }

  /** The status that is durable for this gid; undefined when there is no row. */
  async statusOf(gid: string): Promise<TransactionStatus | undefined> {
    const row = await this.db<{ gid: string; status: number }>('tcc_transactions').where({ gid }).first('status');
    return row === undefined ? undefined : transactionStatus.word(row.status);
  }

  /** The gids of every transaction that is not terminal. */
  async open(): Promise<string[]> {
    const rows = await this.db<{ gid: string; is_open: number }>('tcc_transactions')
      .where({ is_open: 1 })
      .select('gid');
    return rows.map(({ gid }) => gid);
  }

  /** How many transactions there are with this gid: 0 or 1, whatever was repeated. */
  async count(gid: string): Promise<number> {
    return (await this.db('tcc_transactions').where({ gid })).length;
  }

  async run(statement: string): Promise<void> {
    await this.db.raw(statement);
  }

  async close(): Promise<void> {
    await this.db.destroy();
  }
}
