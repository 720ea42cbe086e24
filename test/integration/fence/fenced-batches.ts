import {
  createFence,
  FenceResult,
  Refused,
  type Fence,
  type FenceCall,
  type FencedAnswer,
  type FenceOutcome,
  type Phase,
} from '../../../src/sdk/fence';
import type { TestDatabase } from '../../support/databases';
import { prepare, type OpenTarget, type Target } from './targets';

/** The business code of each phase: freezes pieces, sells them, gives them back. */
const statements: Record<Phase, string> = {
  try: "UPDATE stock SET available = available - ?, frozen = frozen + ? WHERE sku = 'A'",
  confirm: "UPDATE stock SET frozen = frozen - ?, available = available - ? * 0 WHERE sku = 'A'",
  cancel: "UPDATE stock SET available = available + ?, frozen = frozen - ? WHERE sku = 'A'",
};

interface Served {
  readonly call: FenceCall;
  readonly outcome: FenceOutcome | undefined;
}

interface Options {
  /** The answer to each fresh call; an Error refuses it. */
  readonly reply?: (call: FenceCall) => unknown;
  readonly by?: Fence;
  readonly cancelWithoutTry?: boolean;
  readonly afterwards?: () => void;
}

/** Batches of one item behind a fence, on a database of their own. */
export class FencedBatches {
  readonly open: OpenTarget;
  readonly fence: Fence;
  /** What the business code was given since the round began. */
  served: Served[] = [];
  private round = 0;
  private readonly database: TestDatabase;

  private constructor(target: Target, database: TestDatabase, open: OpenTarget) {
    this.database = database;
    this.open = open;
    this.fence = createFence({ dialect: target.dialect });
  }

  static async on(target: Target): Promise<FencedBatches> {
    const database = await target.create();
    const open = target.open(database.url);
    await prepare(target, open.direct);
    return new FencedBatches(target, database, open);
  }

  /** Full stock, and gids that nobody has used. */
  async begin(): Promise<void> {
    this.round += 1;
    this.served = [];
    await this.open.direct.execute("UPDATE stock SET available = 10, frozen = 0 WHERE sku = 'A'", []);
  }

  async close(): Promise<void> {
    await this.open.close();
    await this.database.drop();
  }

  /** The gid as it is in this round. */
  gid(name: string): string {
    return `${name}-${this.round}`;
  }

  call(phase: Phase, name: string, extra: Partial<FenceCall> = {}): FenceCall {
    return { gid: this.gid(name), branchId: 'stock', phase, ...extra };
  }

  many(phase: Phase, ...names: string[]): FenceCall[] {
    return names.map((name) => this.call(phase, name));
  }

  run(
    calls: readonly FenceCall[],
    { reply, by = this.fence, cancelWithoutTry, afterwards }: Options = {},
  ): Promise<readonly FencedAnswer[]> {
    return this.open.begin((executor) =>
      by.runBatch(
        executor,
        calls,
        async (fresh, outcomes) => {
          for (const [index, one] of fresh.entries()) this.served.push({ call: one, outcome: outcomes[index] });
          const answers = fresh.map((one) => reply?.(one));
          const pieces = answers.filter((answer) => !(answer instanceof Error)).length;
          if (pieces > 0) await executor.execute(statements[fresh[0]?.phase ?? 'try'], [pieces, pieces]);
          afterwards?.();
          return answers;
        },
        cancelWithoutTry === undefined ? {} : { cancelWithoutTry },
      ),
    );
  }

  /** Pieces that are available, and frozen. */
  async stock() {
    const { rows } = await this.open.direct.execute('SELECT available, frozen FROM stock', []);
    return rows.map(({ available, frozen }) => [available, frozen])[0];
  }

  /** What the fence has written down of a branch. */
  async row(name: string) {
    const { rows } = await this.open.direct.execute('SELECT status FROM tcc_fence WHERE gid = ?', [this.gid(name)]);
    return rows[0]?.['status'];
  }
}

/** Each answer in a word or two. */
export function words(answers: readonly FencedAnswer[]): string[] {
  return answers.map((answer) => {
    if (answer instanceof FenceResult) return answer.fence;
    return answer instanceof Refused ? `${answer.status} ${answer.fence ?? ''}`.trim() : answer.name;
  });
}
