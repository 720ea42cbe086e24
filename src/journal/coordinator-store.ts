import type { CoordinatorStore } from './coordinators';
import type { Database, SqlValue } from './database';
import type { Retrier } from './retry';
import { text } from './rows';

/** A row that expired so long ago belongs to a coordinator that died without taking its leave. */
const FORGOTTEN_AFTER_MS = 3_600_000;

/** The running coordinators over SQL. A handful of rows, written every few seconds. */
export class SqlCoordinatorStore implements CoordinatorStore {
  private readonly database: Database;
  private readonly retrier: Retrier;

  constructor(database: Database, retrier: Retrier) {
    this.database = database;
    this.retrier = retrier;
  }

  async save(coordinatorId: string, address: string, lifetimeMs: number): Promise<void> {
    const { now } = this.database.dialect;
    await this.write(`REPLACE INTO tcc_coordinators (coordinator_id, address, expires_at) VALUES (?, ?, ${now} + ?)`, [
      coordinatorId,
      address,
      lifetimeMs,
    ]);
    await this.write(`DELETE FROM tcc_coordinators WHERE expires_at < ${now} - ?`, [FORGOTTEN_AFTER_MS]);
  }

  async remove(coordinatorId: string): Promise<void> {
    await this.write(`DELETE FROM tcc_coordinators WHERE coordinator_id = ?`, [coordinatorId]);
  }

  async addresses(): Promise<readonly string[]> {
    const { now } = this.database.dialect;
    const rows = await this.retrier.run(() =>
      this.database.session((connection) =>
        connection.read(`SELECT DISTINCT address FROM tcc_coordinators WHERE expires_at > ${now} ORDER BY address`),
      ),
    );
    return rows.map((row) => text(row, 'address'));
  }

  private async write(sql: string, values: readonly SqlValue[]): Promise<void> {
    await this.retrier.run(() => this.database.session((connection) => connection.write(sql, values)));
  }
}
