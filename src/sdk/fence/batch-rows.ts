import type { FenceStatements } from './dialects/statements';
import type { ExecuteResult, FenceExecutor } from './executor';
import type { RawPayload } from './payload';
import { fenceStatus, meetingOf, storedReply, type FenceKey, type Meeting } from './rows';
import type { Phase } from './words';

/** A Try's reply, with the key of its row. */
export interface KeptReply {
  readonly key: FenceKey;
  readonly payload: RawPayload;
}

/**
 * Replies of so many bytes go into one statement, and at least one: base64 makes 4/3 of them, and MariaDB takes statements
 * of 16 MiB by default.
 */
const REPLY_BYTES_PER_STATEMENT = 1_048_576;

const NEW: Meeting = { found: 'NEW', reply: undefined };
const MISSING: Meeting = { found: 'MISSING', reply: undefined };

/** Runs the fence's statements for many rows within the caller's local transaction. Decides nothing. */
export class BatchRows {
  private readonly statements: FenceStatements;

  constructor(statements: FenceStatements) {
    this.statements = statements;
  }

  /**
   * The first statement of a phase, for keys that are sorted and all different. After it their rows are locked until the
   * local transaction ends. A Confirm that finds TRIED is NEW, although its row says so only after `confirm`.
   */
  enter(executor: FenceExecutor, phase: Phase, keys: readonly FenceKey[]): Promise<readonly Meeting[]> {
    const { insertTried, insertCancelled } = this.statements.batch;
    switch (phase) {
      case 'try':
        return this.insert(executor, insertTried, keys);
      case 'confirm':
        return this.lock(executor, keys);
      case 'cancel':
        return this.insert(executor, insertCancelled, keys);
    }
  }

  confirm(executor: FenceExecutor, keys: readonly FenceKey[]): Promise<boolean> {
    return this.change(executor, this.statements.batch.confirm, keys);
  }

  cancel(executor: FenceExecutor, keys: readonly FenceKey[]): Promise<boolean> {
    return this.change(executor, this.statements.batch.cancel, keys);
  }

  /** Counts calls that change nothing. */
  touch(executor: FenceExecutor, keys: readonly FenceKey[]): Promise<boolean> {
    return this.change(executor, this.statements.batch.touch, keys);
  }

  /** Takes back rows that this transaction has inserted, as if each had been rolled back by itself. */
  remove(executor: FenceExecutor, keys: readonly FenceKey[]): Promise<boolean> {
    return this.change(executor, this.statements.batch.remove, keys);
  }

  /** Keeps the replies of Trys for their repeats. False when there was nothing to do. */
  async storeReplies(executor: FenceExecutor, replies: readonly KeptReply[]): Promise<boolean> {
    const { storeReply, batch } = this.statements;
    if (batch.storeReplies === undefined) {
      for (const { key, payload } of replies) {
        await executor.execute(storeReply, [payload.bytes, payload.contentType, key.gid, key.branchId]);
      }
    } else {
      for (const some of chunks(replies)) {
        const entries = some.map(({ key, payload: { bytes, contentType } }) => [
          key.gid,
          key.branchId,
          Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64'),
          contentType,
        ]);
        await executor.execute(batch.storeReplies, [JSON.stringify(entries)]);
      }
    }
    return replies.length > 0;
  }

  /** Fails where the local transaction has failed already and its COMMIT would not say so. */
  async probe(executor: FenceExecutor): Promise<void> {
    if (this.statements.probe !== undefined) await executor.execute(this.statements.probe, []);
  }

  private async insert(
    executor: FenceExecutor,
    statement: string,
    keys: readonly FenceKey[],
  ): Promise<readonly Meeting[]> {
    const result = await executor.execute(statement, [keyText(keys)]);
    if (this.statements.insertReturnsRow) return meetings(keys, result, meetingOf);
    // A new row counts 1 and one that was there 2: mostly there is nothing to read.
    if (result.affectedRows === keys.length) return keys.map(() => NEW);
    if (result.affectedRows < keys.length || result.affectedRows > 2 * keys.length) {
      throw new Error(`the fence's insert of ${keys.length} rows cannot affect ${result.affectedRows}`);
    }
    return meetings(keys, await executor.execute(this.statements.batch.read, [keyText(keys)]), meetingOf);
  }

  private async lock(executor: FenceExecutor, keys: readonly FenceKey[]): Promise<readonly Meeting[]> {
    const result = await executor.execute(this.statements.batch.lock, [keyText(keys)]);
    return meetings(keys, result, (row) => {
      const found = fenceStatus(row['status']);
      return found === 'TRIED' ? NEW : { found, reply: storedReply(row['reply'], row['reply_type']) };
    });
  }

  private async change(executor: FenceExecutor, statement: string, keys: readonly FenceKey[]): Promise<boolean> {
    if (keys.length > 0) await executor.execute(statement, [keyText(keys)]);
    return keys.length > 0;
  }
}

/** Names one row in a Map; no id holds a space. */
export function keyName({ gid, branchId }: FenceKey): string {
  return `${gid} ${branchId}`;
}

function keyText(keys: readonly FenceKey[]): string {
  return JSON.stringify(keys.map(({ gid, branchId }) => [gid, branchId]));
}

/** Brings rows, which come in any order, into the order of the keys. */
function meetings(
  keys: readonly FenceKey[],
  { rows }: ExecuteResult,
  read: (row: Record<string, unknown>) => Meeting,
): readonly Meeting[] {
  const byKey = new Map(
    rows.map((row) => [keyName({ gid: String(row['gid']), branchId: String(row['branch_id']) }), read(row)]),
  );
  return keys.map((key) => byKey.get(keyName(key)) ?? MISSING);
}

function* chunks(replies: readonly KeptReply[]): Generator<readonly KeptReply[]> {
  let chunk: KeptReply[] = [];
  let bytes = 0;
  for (const reply of replies) {
    if (chunk.length > 0 && bytes + reply.payload.bytes.length > REPLY_BYTES_PER_STATEMENT) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(reply);
    bytes += reply.payload.bytes.length;
  }
  if (chunk.length > 0) yield chunk;
}
