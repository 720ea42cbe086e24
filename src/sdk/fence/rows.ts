import type { FenceStatements } from './dialects/statements';
import type { FenceStatus, Found } from './decision';
import type { ExecuteResult, FenceExecutor } from './executor';
import type { RawPayload } from './payload';
import type { FenceCall, Phase } from './words';

/** What the first statement of a phase met, with the reply that the row keeps. */
export interface Meeting {
  readonly found: Found;
  readonly reply: RawPayload | undefined;
}

/** The key of a fence row. */
export type FenceKey = Pick<FenceCall, 'gid' | 'branchId'>;

/** Runs the fence's statements within the caller's local transaction. Decides nothing. */
export class FenceRows {
  private readonly statements: FenceStatements;

  constructor(statements: FenceStatements) {
    this.statements = statements;
  }

  /** The first statement of a phase. After it the row is locked until the local transaction ends. */
  enter(executor: FenceExecutor, phase: Phase, key: FenceKey): Promise<Meeting> {
    switch (phase) {
      case 'try':
        return this.insert(executor, this.statements.insertTried, key);
      case 'confirm':
        return this.confirm(executor, key);
      case 'cancel':
        return this.insert(executor, this.statements.insertCancelled, key);
    }
  }

  /** Keeps the reply of a Try for its repeats. */
  async storeReply(executor: FenceExecutor, key: FenceKey, reply: RawPayload): Promise<void> {
    const parameters = [reply.bytes, reply.contentType, key.gid, key.branchId];
    await executor.execute(this.statements.storeReply, parameters);
  }

  async setCancelled(executor: FenceExecutor, key: FenceKey): Promise<void> {
    await executor.execute(this.statements.cancel, [key.gid, key.branchId]);
  }

  /** Fails where the local transaction has failed already and its COMMIT would not say so. */
  async probe(executor: FenceExecutor): Promise<void> {
    if (this.statements.probe !== undefined) await executor.execute(this.statements.probe, []);
  }

  private async insert(executor: FenceExecutor, statement: string, key: FenceKey): Promise<Meeting> {
    const result = await executor.execute(statement, [key.gid, key.branchId]);
    if (this.statements.insertReturnsRow) return meeting(result);
    if (result.affectedRows === 1) return { found: 'NEW', reply: undefined };
    if (result.affectedRows === 2) return this.read(executor, key);
    throw new Error(`the fence's insert must affect 1 or 2 rows, but the executor says ${result.affectedRows}`);
  }

  private async confirm(executor: FenceExecutor, key: FenceKey): Promise<Meeting> {
    const parameters = [key.gid, key.branchId];
    const { affectedRows } = await executor.execute(this.statements.confirm, parameters);
    if (affectedRows === 1) return { found: 'NEW', reply: undefined };
    await executor.execute(this.statements.touch, parameters);
    return this.read(executor, key);
  }

  private async read(executor: FenceExecutor, key: FenceKey): Promise<Meeting> {
    return meeting(await executor.execute(this.statements.read, [key.gid, key.branchId]));
  }
}

function meeting({ rows: [row] }: ExecuteResult): Meeting {
  return row === undefined ? { found: 'MISSING', reply: undefined } : meetingOf(row);
}

/** What a row says that an insert has met. */
export function meetingOf(row: Record<string, unknown>): Meeting {
  // A row that was inserted by this very call has counted no other.
  if (Number(row['calls']) === 1) return { found: 'NEW', reply: undefined };
  return { found: fenceStatus(row['status']), reply: storedReply(row['reply'], row['reply_type']) };
}

export function fenceStatus(value: unknown): FenceStatus {
  if (value === 'TRIED' || value === 'CONFIRMED' || value === 'CANCELLED') return value;
  throw new Error(`a fence row has the unknown status ${JSON.stringify(value)}`);
}

export function storedReply(bytes: unknown, contentType: unknown): RawPayload | undefined {
  if (!(bytes instanceof Uint8Array)) return undefined;
  return { bytes, contentType: typeof contentType === 'string' ? contentType : '' };
}
