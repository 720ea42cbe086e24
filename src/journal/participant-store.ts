import type { Database, Row, Sql, SqlValue } from './database';
import type { NewInstance, ParticipantStore, StoredAction, StoredInstance } from './participants';
import type { Retrier } from './retry';
import { number, text } from './rows';
import { chunks } from './script';

/** Rows that are forgotten in one commit: one each would take minutes for thousands, and all at once would hold as many locks. */
const FORGOTTEN_AT_ONCE = 100;

/** The registered participants over SQL. Registrations are rare: nothing here is batched. */
export class SqlParticipantStore implements ParticipantStore {
  private readonly database: Database;
  private readonly retrier: Retrier;

  constructor(database: Database, retrier: Retrier) {
    this.database = database;
    this.retrier = retrier;
  }

  async save(instance: NewInstance, lifetimeMs: number): Promise<void> {
    const { now } = this.database.dialect;
    const { participant, instanceId, address, actions } = instance;
    await this.write(
      `REPLACE INTO tcc_participants (participant, instance_id, address, actions, expires_at, saved_at) VALUES (?, ?, ?, ?, ${now} + ?, ${now})`,
      [participant, instanceId, address, JSON.stringify(actions), lifetimeMs],
    );
  }

  async expire(participant: string, instanceId: string): Promise<void> {
    const { now } = this.database.dialect;
    await this.write(
      `UPDATE tcc_participants SET expires_at = ${now} WHERE participant = ? AND instance_id = ? AND expires_at > ${now}`,
      [participant, instanceId],
    );
  }

  /** The clock comes with the rows, and alone when there are none: both of one statement. */
  async all(): Promise<{ readonly nowMs: number; readonly instances: readonly StoredInstance[] }> {
    const rows = await this.retrier.run(() =>
      this.database.session((connection) =>
        connection.read(
          `SELECT clock.now_ms, p.participant, p.instance_id, p.address, p.actions, p.expires_at, p.saved_at FROM (SELECT ${this.database.dialect.now} AS now_ms) clock LEFT JOIN tcc_participants p ON 1 = 1 ORDER BY p.participant, p.saved_at, p.instance_id`,
        ),
      ),
    );
    const [first] = rows;
    return {
      nowMs: first === undefined ? 0 : number(first, 'now_ms'),
      instances: rows.filter((row) => row['participant'] !== null).map(instanceOf),
    };
  }

  /** Row by row and by key: what an instance renewed meanwhile stays. */
  async forget(keptMs: number, participant?: string): Promise<void> {
    const { now } = this.database.dialect;
    const { nowMs, instances } = await this.all();
    const ended = instances.filter(
      (each) => each.expiresAt <= nowMs - keptMs && (participant === undefined || each.participant === participant),
    );
    const deletes = ended.map((each): Sql => ({
      text: `DELETE FROM tcc_participants WHERE participant = ? AND instance_id = ? AND expires_at <= ${now} - ?`,
      values: [each.participant, each.instanceId, keptMs],
    }));
    for (const some of chunks(deletes, FORGOTTEN_AT_ONCE)) {
      await this.retrier.run(() => this.database.script(some));
    }
  }

  private async write(sql: string, values: readonly SqlValue[]): Promise<void> {
    await this.retrier.run(() => this.database.session((connection) => connection.write(sql, values)));
  }
}

function instanceOf(row: Row): StoredInstance {
  return {
    participant: text(row, 'participant'),
    instanceId: text(row, 'instance_id'),
    address: text(row, 'address'),
    actions: actionsOf(text(row, 'actions')),
    expiresAt: number(row, 'expires_at'),
  };
}

/** JSON has no undefined: an action without methods comes back without the field. */
function actionsOf(json: string): readonly StoredAction[] {
  const stored = JSON.parse(json) as readonly (Omit<StoredAction, 'methods'> &
    Partial<Pick<StoredAction, 'methods'>>)[];
  return stored.map(({ name, methods, callTimeoutMs, tryAttempts }) => ({ name, methods, callTimeoutMs, tryAttempts }));
}
