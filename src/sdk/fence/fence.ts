import { systemClock, type Clock } from '../../lib/clock';
import { BatchRows } from './batch-rows';
import { BatchRun, type FencedAnswer, type FencedBatchWork } from './batch-run';
import { dialects, type FenceDialect } from './dialects';
import type { FenceStatements } from './dialects/statements';
import { decide } from './decision';
import { CallExpired, Refused } from './errors';
import type { FenceExecutor } from './executor';
import { encodeReply } from './kept-reply';
import { hasValidKey, INVALID_KEY } from './key';
import { decodePayload, type RawPayload } from './payload';
import { purgeFence, type PurgeOptions, type PurgeReport, type PurgeCursor } from './purge';
import { FenceResult } from './result';
import { FenceRows } from './rows';
import type { FenceCall, FenceOutcome } from './words';

/** What a fence is made with. */
export interface FenceOptions {
  readonly dialect: FenceDialect;
  /** The table, in the same database as the business tables; `schema.table` is allowed. Default: tcc_fence. */
  readonly table?: string;
  /** The largest reply of a Try that is kept for its repeats, in bytes; 1 to 1,048,576. Default: 65,536. */
  readonly maxReplyBytes?: number;
  /** Default: the system's clock. */
  readonly clock?: Clock;
}

/** How one action wants to be fenced. */
export interface FenceRunOptions {
  /**
   * Run the business Cancel also when there was no Try, once. For actions with effects outside the database, which a
   * Try may have left although its local transaction was lost. Default: false.
   */
  readonly cancelWithoutTry?: boolean;
}

/** The business code of one phase. `outcome` is FRESH, or EMPTY_ROLLBACK where `cancelWithoutTry` asked for it. */
export type FencedWork<Reply> = (outcome: FenceOutcome) => Promise<Reply>;

/**
 * Replies are kept for weeks, one per Try: 64 KiB holds any receipt, and a table of replies as large as payloads may be
 * (1 MiB) would outgrow the business tables.
 */
const MAX_REPLY_BYTES = 65_536;

/** The largest payload that a coordinator takes by default; a reply beyond it would not travel. */
const MAX_REPLY_BYTES_LIMIT = 1_048_576;

const TABLE_PATTERN = /^[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?$/;

/**
 * Makes Try, Confirm and Cancel of a branch each take effect at most once and in a legal order (I10), by one row per
 * (gid, branch_id) that is written in the participant's own local transaction.
 * F1. The fence row commits or rolls back with the business rows: whatever is thrown here must roll both back.
 * F2. The first statement of a phase locks the row, so that the phases of one branch run one after the other.
 * F3. Business code runs only where the row says that this phase has not taken effect.
 */
export class Fence {
  private readonly statements: FenceStatements;
  private readonly rows: FenceRows;
  private readonly batchRows: BatchRows;
  private readonly maxReplyBytes: number;
  private readonly clock: Clock;
  private purgeCursor: PurgeCursor | undefined;

  constructor(options: FenceOptions) {
    const { dialect, table = 'tcc_fence', maxReplyBytes = MAX_REPLY_BYTES, clock = systemClock } = options;
    if (!TABLE_PATTERN.test(table)) throw new TypeError(`not a table name: ${JSON.stringify(table)}`);
    if (!Number.isInteger(maxReplyBytes) || maxReplyBytes < 1 || maxReplyBytes > MAX_REPLY_BYTES_LIMIT) {
      throw new RangeError(`maxReplyBytes must be 1 to ${MAX_REPLY_BYTES_LIMIT}`);
    }
    this.statements = dialects[dialect](table);
    this.rows = new FenceRows(this.statements);
    this.batchRows = new BatchRows(this.statements);
    this.maxReplyBytes = maxReplyBytes;
    this.clock = clock;
  }

  /**
   * Creates the table where it is missing, as migrations/fence/<dialect>.sql does. Run it outside of a transaction: MySQL
   * would commit that one.
   */
  async createTable(executor: FenceExecutor): Promise<void> {
    try {
      await executor.execute(this.statements.createTable, []);
    } catch (error) {
      // Two that start at once can collide in PostgreSQL in spite of IF NOT EXISTS; the second look finds the table.
      await executor.execute(this.statements.createTable, []).catch(() => {
        throw error;
      });
    }
  }

  /**
   * Runs one phase of a branch within the local transaction that `executor` writes to: `work` when the phase has not
   * taken effect yet, and the stored answer when it has. Call it before the transaction's other statements, and let
   * what it throws roll the transaction back: Refused (a Try after its Cancel: ABORTED; a Confirm without a Try, a
   * Cancel after the Confirm: FAILED_PRECONDITION), CallExpired (a Try whose time is over), or what `work` throws.
   */
  async run<Reply>(
    executor: FenceExecutor,
    call: FenceCall,
    work: FencedWork<Reply>,
    options: FenceRunOptions = {},
  ): Promise<FenceResult<Awaited<Reply>>> {
    requireKey(call);
    const requireTime = this.timeLimit(call);
    const { found, reply: stored } = await this.rows.enter(executor, call.phase, call);
    const decision = decide(call.phase, found, options.cancelWithoutTry);
    switch (decision.kind) {
      case 'refuse':
        throw new Refused(decision.message, { status: decision.status, fence: decision.outcome });
      case 'answer':
        return new FenceResult(decision.outcome, decodePayload(stored) as Awaited<Reply> | undefined, stored);
      case 'run': {
        requireTime();
        const reply = await work(decision.outcome);
        const payload = encodeReply(call.phase, reply, this.maxReplyBytes);
        await this.settle(executor, call, decision.thenCancelled, payload);
        requireTime();
        return new FenceResult(decision.outcome, reply, payload);
      }
      case 'impossible':
        throw new Error(`the fence of a ${call.phase} found ${found}, which its statements cannot leave`);
    }
  }

  /**
   * Runs one phase of many branches within the one local transaction that `executor` writes to, by a few statements for
   * all of them. `work` gets the calls that have not taken effect yet, if there are any; the answers are in the order of
   * `calls`, each as if its call had been run by itself: a refused one has left no fence row (a Cancel that waits for it
   * is then an empty rollback), a repeated one answers what was stored, of two calls about one branch the second is a
   * repeat. Call it before the transaction's other statements, with at most 1,024 calls, all of one phase; and let what
   * it throws roll the transaction back: CallExpired (the time of some Try ran out after the business code had served
   * it: run the batch again, it is left out then), or what `work` throws.
   */
  async runBatch<Call extends FenceCall, Answer>(
    executor: FenceExecutor,
    calls: readonly Call[],
    work: FencedBatchWork<Call, Answer>,
    options: FenceRunOptions = {},
  ): Promise<readonly FencedAnswer<Exclude<Answer, Error>>[]> {
    const [first, ...others] = calls;
    if (first === undefined) return [];
    const { batchRows: rows, clock, maxReplyBytes } = this;
    const { cancelWithoutTry = false } = options;
    const run = new BatchRun({ calls: [first, ...others], executor, cancelWithoutTry }, { rows, clock, maxReplyBytes });
    return (await run.run(work)) as readonly FencedAnswer<Exclude<Answer, Error>>[];
  }

  /**
   * Deletes rows that are finished (never TRIED ones) and that no call has touched for `olderThanMs`, by their full keys.
   * It reads `limit` rows on in key order from where the last call of this fence stopped, so that the table needs no
   * index beside its key; call it now and then until `endReached`. See PurgeOptions for how old is old enough (I12).
   */
  async purge(executor: FenceExecutor, options: PurgeOptions = {}): Promise<PurgeReport> {
    const { report, cursor } = await purgeFence(executor, this.statements, options, this.purgeCursor);
    this.purgeCursor = cursor;
    return report;
  }

  /** What stands between the business code and the commit. */
  private async settle(
    executor: FenceExecutor,
    call: FenceCall,
    thenCancelled: boolean,
    payload: RawPayload | undefined,
  ): Promise<void> {
    if (thenCancelled) {
      await this.rows.setCancelled(executor, call);
    } else if (call.phase === 'try' && payload !== undefined) {
      await this.rows.storeReply(executor, call, payload);
    } else {
      await this.rows.probe(executor);
    }
  }

  /**
   * A Try must not commit when its time is over: by then the coordinator has gone on. Confirm and Cancel are wanted
   * however late they come.
   */
  private timeLimit(call: FenceCall): () => void {
    const limitMs = call.phase === 'try' ? call.remainingMs : undefined;
    if (limitMs === undefined) return () => undefined;
    const startedMs = this.clock.monotonicMs();
    return () => {
      if (this.clock.monotonicMs() - startedMs >= limitMs) {
        throw new CallExpired('the Try was rolled back: its time is over');
      }
    };
  }
}

/** Makes a fence. Cheap; one per table is enough, and it is safe to share between connections. Throws on bad options. */
export function createFence(options: FenceOptions): Fence {
  return new Fence(options);
}

function requireKey(call: FenceCall): void {
  if (!hasValidKey(call)) throw new Refused(INVALID_KEY, { status: 'INVALID_ARGUMENT' });
}
