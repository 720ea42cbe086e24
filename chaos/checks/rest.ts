import type { Knex } from 'knex';
import type { TccClient } from 'tcc-coordinator/client';
import { TccRequestError } from 'tcc-coordinator/client';

import { audit } from '../../samples/shop/books/audit';
import { readLedger } from '../../samples/shop/books/ledger';
import { openDatabase } from '../../samples/shop/database/open';
import { transactionStatus } from '../../src/journal/codes';
import { sleep, systemClock } from '../../src/lib/clock';
import type { Stage } from '../lab/stage';
import type { Outcome, Told } from '../load/told';

/**
 * After the faults have stopped every transaction must be terminal within this: lease, scan period, the largest backoff and
 * the calls that are out (I11), on a busy machine.
 */
const TERMINAL_WITHIN_MS = 20_000;

/** So long nothing may change before it counts as rest: a request that a fault held back may still come. */
const QUIET_MS = 500;

interface JournalRow {
  readonly gid: string;
  readonly status: number;
  readonly is_open: number;
}

/** What must hold when nothing is under way, over all orders of the run so far. */
export class RestCheck {
  private readonly stage: Stage;
  private readonly told: Told;
  /** What was decided when it was last looked: a decision stands for ever (I1). */
  private readonly decided = new Map<string, string>();
  private readonly seen = new Set<string>();
  /** Orders of which there was no trace when they were asked about. They are asked about again only when there is one. */
  private readonly neverBegun = new Set<string>();

  constructor(stage: Stage, told: Told) {
    this.stage = stage;
    this.told = told;
  }

  /** Every fault that was not there at the last rest, in a sentence each. `ask`: for what clients do not know. */
  async faults(ask: TccClient): Promise<string[]> {
    const { open, statuses } = await this.readJournal();
    const ledger = await readLedger(this.stage.shop);
    const books = await audit(ledger, (gid) => Promise.resolve(statuses.get(gid) ?? 'CANCELLED'), this.told.gids);
    const overSold = ledger.pots.filter(({ received, gone, open: set }) => gone + set > received);
    const all = [
      ...open.map((gid) => `${gid} is not terminal ${TERMINAL_WITHIN_MS} ms after the last fault`),
      ...this.flips(statuses),
      ...this.lies(statuses),
      ...(await this.unknowns(statuses, ask)),
      ...overSold.map(({ name, received, gone }) => `${gone} of ${name} are sold, ${received} were there`),
      ...books.faults,
    ];
    const fresh = all.filter((fault) => !this.seen.has(fault));
    for (const fault of fresh) this.seen.add(fault);
    return fresh;
  }

  /** The journal at rest: the gids of what stays open all the same, and the status of each gid. */
  private async readJournal(): Promise<{ readonly open: string[]; readonly statuses: ReadonlyMap<string, string> }> {
    // A connection of its own for each look: a cluster may have another primary by now.
    const { db } = openDatabase(await this.stage.journalUrl());
    try {
      const open = await untilTerminal(db);
      const rows = await db<JournalRow>('tcc_transactions').select('gid', 'status', 'is_open');
      return { open, statuses: new Map(rows.map(({ gid, status }) => [gid, transactionStatus.word(status)])) };
    } finally {
      await db.destroy();
    }
  }

  private flips(statuses: ReadonlyMap<string, string>): string[] {
    const faults: string[] = [];
    for (const [gid, before] of this.decided) {
      const now = statuses.get(gid) ?? 'gone';
      if (now !== before) faults.push(`${gid} was ${before} and is ${now}`);
    }
    for (const [gid, status] of statuses) this.decided.set(gid, status);
    return faults;
  }

  private lies(statuses: ReadonlyMap<string, string>): string[] {
    const faults: string[] = [];
    for (const [gid, outcome] of this.told.entries()) {
      const status = statuses.get(gid) ?? 'not there';
      if (outcome !== 'UNKNOWN' && outcome !== status)
        faults.push(`${gid}: its client was told ${outcome}, it is ${status}`);
    }
    return faults;
  }

  /** Whoever was left without an outcome asks for it by the gid, and hears the truth. */
  private async unknowns(statuses: ReadonlyMap<string, string>, ask: TccClient): Promise<string[]> {
    const faults: string[] = [];
    for (const [gid, outcome] of [...this.told.entries()]) {
      const truth = statuses.get(gid) ?? 'not there';
      if (outcome !== 'UNKNOWN' || (truth === 'not there' && this.neverBegun.has(gid))) continue;
      const answer = await answerTo(gid, ask);
      if (truth === 'not there') this.neverBegun.add(gid);
      if (answer !== truth) faults.push(`${gid}: asked later, the answer is ${answer}, and it is ${truth}`);
      else if (truth !== 'not there') this.told.hear(gid, truth as Outcome);
    }
    return faults;
  }
}

/** Waits until nothing is open and nothing comes any more; the gids of what stays open. */
async function untilTerminal(journal: Knex): Promise<string[]> {
  const endMs = systemClock.monotonicMs() + TERMINAL_WITHIN_MS;
  let lastCount = -1;
  for (;;) {
    const open = await journal<JournalRow>('tcc_transactions').where({ is_open: 1 }).select('gid');
    const [counted] = await journal('tcc_transactions').count({ count: 'gid' });
    const count = Number(counted?.['count'] ?? 0);
    if (open.length === 0 && count === lastCount) return [];
    if (systemClock.monotonicMs() > endMs) return open.map(({ gid }) => gid);
    lastCount = count;
    await sleep(systemClock, QUIET_MS);
  }
}

async function answerTo(gid: string, tcc: TccClient): Promise<string> {
  try {
    return (await tcc.get(gid)).status;
  } catch (error) {
    if (error instanceof TccRequestError && error.code === 'TRANSACTION_NOT_FOUND') return 'not there';
    return error instanceof Error ? error.message : String(error);
  }
}
