import { silentLogger, type Logger } from '../../../src/lib/logger';
import { systemClock } from '../../../src/lib/clock';
import { fencedBatch, Refused, type Fence, type FenceExecutor, type LocalTransaction } from '../../../src/sdk/fence';
import type { BranchCall } from '../../../src/sdk/participant';
import { Actions } from '../../../src/sdk/participant/actions';
import type { Answer } from '../../../src/sdk/participant/answer';
import { CallHandler } from '../../../src/sdk/participant/call-handler';
import type { TestDatabase } from '../../support/databases';
import { prepare, serverTargets, targets, type OpenTarget, type Target } from './targets';

const freeze = "UPDATE stock SET available = available - ?, frozen = frozen + ? WHERE sku = 'A'";

/** What a local transaction is to suffer, by its number from 1. */
type Fault = (transaction: number, calls: number) => 'none' | 'before commit' | 'after commit';

/** A participant's side of an action with batch handlers only, on a real database, without the network. */
class Inventory {
  fault: Fault = () => 'none';
  readonly warnings: string[] = [];
  /** The gids of each batch that its business code has seen. */
  readonly batches: string[][] = [];
  private transactions = 0;
  private readonly handler: CallHandler;
  private readonly open: OpenTarget;

  /** `lose`: fails as a lost connection does. */
  constructor(open: OpenTarget, fence: Fence, lose: (executor: FenceExecutor) => Promise<void>) {
    this.open = open;
    const actions = new Actions();
    const served = () => Promise.resolve();
    actions.add(
      'deduct',
      fencedBatch(fence, this.begin, {
        try: async (calls, executor) => {
          this.transactions += 1;
          this.batches.push(calls.map(({ gid }) => gid));
          const answers = calls.map((call) => reply(call));
          const pieces = answers.filter((answer) => !(answer instanceof Error)).length;
          if (pieces > 0) await executor.execute(freeze, [pieces, pieces]);
          if (this.fault(this.transactions, calls.length) === 'before commit') await lose(executor);
          return answers;
        },
        confirm: served,
        cancel: served,
      }),
      {},
    );
    const logger: Logger = { ...silentLogger, warn: (_, message) => this.warnings.push(message), child: () => logger };
    this.handler = new CallHandler({ actions, maxInFlight: 1_000 }, { clock: systemClock, logger });
  }

  /** Calls all of them in one turn of the event loop. */
  tries(gids: readonly string[]): Promise<Answer[]> {
    return Promise.all(
      gids.map((gid) =>
        this.handler.handle('try', {
          gid,
          branchId: 'stock',
          action: 'deduct',
          attempt: 1,
          remainingMs: 30_000,
          payload: null,
        }),
      ),
    );
  }

  private readonly begin: LocalTransaction<FenceExecutor> = async (work) => {
    const before = this.transactions;
    let calls = 0;
    const result = await this.open.begin(async (executor) => {
      const answers = await work(executor, executor);
      calls = this.batches.at(-1)?.length ?? 0;
      return answers;
    });
    if (this.transactions > before && this.fault(this.transactions, calls) === 'after commit') {
      throw new Error('the connection was lost');
    }
    return result;
  };
}

function reply({ gid }: BranchCall): unknown {
  return gid.includes('refused') ? new Refused('no stock') : { for: gid };
}

/** Cuts the connection of the local transaction from outside, as a failing network or an operator does. */
function loseConnection(target: Target, open: OpenTarget): (executor: FenceExecutor) => Promise<void> {
  return async (executor) => {
    if (target.dialect === 'sqlite') throw new Error('the disk is full');
    const ask = target.dialect === 'mysql' ? 'SELECT CONNECTION_ID() AS id' : 'SELECT pg_backend_pid() AS id';
    const id = Number((await executor.execute(ask, [])).rows[0]?.['id']);
    await open.direct.execute(target.dialect === 'mysql' ? `KILL ${id}` : `SELECT pg_terminate_backend(${id})`, []);
    await executor.execute('SELECT 1', []);
  };
}

describe.each(targets)('batch handlers that fail on $name', (target) => {
  let database: TestDatabase;
  let open: OpenTarget;
  let fence: Fence;
  let inventory: Inventory;
  let round = 0;

  beforeAll(async () => {
    database = await target.create();
    open = target.open(database.url);
    fence = await prepare(target, open.direct);
  });

  beforeEach(async () => {
    round += 1;
    inventory = new Inventory(open, fence, loseConnection(target, open));
    await open.direct.execute("UPDATE stock SET available = 10, frozen = 0 WHERE sku = 'A'", []);
  });

  afterAll(async () => {
    await open.close();
    await database.drop();
  });

  const gids = (...names: string[]) => names.map((name) => `${name}-${round}`);

  const words = (answers: readonly Answer[]) =>
    answers.map((answer) => (answer.kind === 'done' ? answer.fence : answer.status));

  const replies = (answers: readonly Answer[]) =>
    answers.map((answer) =>
      answer.kind === 'done' && answer.payload !== undefined
        ? (JSON.parse(Buffer.from(answer.payload.data).toString()) as { for: string }).for
        : undefined,
    );

  const stock = async () => {
    const { rows } = await open.direct.execute('SELECT available, frozen FROM stock', []);
    return rows.map(({ available, frozen }) => [available, frozen])[0];
  };

  test('calls of one turn go in one local transaction, each with its own answer', async () => {
    const answers = await inventory.tries(gids('a', 'refused', 'b', 'a'));
    expect(words(answers)).toEqual(['FRESH', 'ABORTED', 'FRESH', 'REPEAT']);
    expect(replies(answers)).toEqual([`a-${round}`, undefined, `b-${round}`, `a-${round}`]);
    expect(inventory.batches).toHaveLength(1);
    expect(await stock()).toEqual([8, 2]);
  });

  test('death before the local commit: nothing has happened, and each call is run by itself', async () => {
    inventory.fault = (transaction) => (transaction === 1 ? 'before commit' : 'none');
    const answers = await inventory.tries(gids('a', 'refused', 'b'));
    expect(words(answers)).toEqual(['FRESH', 'ABORTED', 'FRESH']);
    expect(inventory.batches.map((batch) => batch.length)).toEqual([3, 1, 1, 1]);
    expect(inventory.warnings).toEqual(['a batch failed; its calls run one by one']);
    expect(await stock()).toEqual([8, 2]);
  });

  test('death after the local commit: the calls, run by themselves, answer what was committed', async () => {
    inventory.fault = (transaction) => (transaction === 1 ? 'after commit' : 'none');
    const answers = await inventory.tries(gids('a', 'refused', 'b'));
    expect(words(answers)).toEqual(['REPEAT', 'ABORTED', 'REPEAT']);
    expect(replies(answers)).toEqual([`a-${round}`, undefined, `b-${round}`]);
    expect(await stock()).toEqual([8, 2]);
  });

  test('when the calls fail one by one as well, each is unknown, and the repeat is right', async () => {
    inventory.fault = (transaction) => (transaction % 2 === 1 ? 'after commit' : 'before commit');
    expect(words(await inventory.tries(gids('a', 'b', 'c')))).toEqual(['REPEAT', 'REPEAT', 'REPEAT']);
    inventory.fault = () => 'before commit';
    expect(words(await inventory.tries(gids('d', 'e', 'a')))).toEqual(['UNKNOWN', 'UNKNOWN', 'REPEAT']);
    expect(await stock()).toEqual([7, 3]);
    inventory.fault = () => 'none';
    expect(words(await inventory.tries(gids('d', 'e', 'a')))).toEqual(['FRESH', 'FRESH', 'REPEAT']);
    expect(await stock()).toEqual([5, 5]);
  });
});

describe.each(serverTargets)('a deadlock that does not go away on $name', (target) => {
  test('ends the reruns of the batch, and its calls run one by one', async () => {
    const database = await target.create();
    const open = target.open(database.url);
    try {
      const fence = await prepare(target, open.direct);
      const victim = { errno: 1213, code: target.dialect === 'mysql' ? 'ER_LOCK_DEADLOCK' : '40P01' };
      const inventory = new Inventory(open, fence, () => Promise.reject(Object.assign(new Error('deadlock'), victim)));
      inventory.fault = (_, calls) => (calls > 1 ? 'before commit' : 'none');
      const answers = await inventory.tries(['a', 'b', 'c']);
      expect(answers.map((answer) => answer.kind)).toEqual(['done', 'done', 'done']);
      expect(inventory.batches.map((batch) => batch.length)).toEqual([3, 3, 3, 3, 1, 1, 1]);
    } finally {
      await open.close();
      await database.drop();
    }
  });
});
