/** A real tccd that gets bad input, with all that must be said of it afterwards. */
import { readFileSync, writeFileSync } from 'node:fs';

import { DatabaseSync } from '@photostructure/sqlite';
import { createClient, type TccClient } from 'tcc-coordinator/client';
import { createParticipant, type Participant } from 'tcc-coordinator/participant';

import { type TestDatabase, sqlDatabases } from '../../support/databases';
import { eventually } from '../../support/eventually';
import { Coordinator } from '../../e2e/support/coordinator';

/** Small, so that one more than each of them is cheap. */
export const limits = { payloadBytes: 4_096, branches: 8, messageBytes: 256 * 1_024, timeoutMs: 60_000 } as const;

const env = {
  TCC_LIMITS_PAYLOAD_BYTES: String(limits.payloadBytes),
  TCC_LIMITS_BRANCHES: String(limits.branches),
  TCC_LIMITS_MESSAGE_BYTES: String(limits.messageBytes),
  TCC_LIMITS_TIMEOUT_MS: String(limits.timeoutMs),
  TCC_LIMITS_OPEN_TRANSACTIONS: '200',
  TCC_LIMITS_WATCHERS: '3',
  TCC_CALLS_TIMEOUT_MS: '30000',
  TCC_LOG_LEVEL: 'info',
};

/**
 * What one piece of bad input may add to the resident memory at its worst moment, in MB. Garbage that is not collected yet is part of
 * it: V8 lets young objects grow to some 50 MB, and a message of the largest size passes through several copies.
 */
export const GROWTH_MB = 160;

/**
 * A healthy transaction is a few commits and calls on loopback; more than this on a busy machine means that it waited for something to
 * be over: a stream without a hello (10 s), a call (30 s here), a request that does not arrive (30 s).
 */
const HEALTHY_MS = 8_000;

/** Transactions of these gids are the healthy ones. */
const HEALTHY = 'healthy';

export class House {
  readonly coordinator: Coordinator;
  private readonly database: TestDatabase;
  private readonly client: TccClient;
  private readonly participant: Participant;
  private made = 0;
  private knownRows = 0;
  private baseMb = 0;

  private constructor(coordinator: Coordinator, database: TestDatabase) {
    this.coordinator = coordinator;
    this.database = database;
    this.client = createClient({ addresses: [coordinator.address], timeoutMs: HEALTHY_MS * 5 });
    this.participant = createParticipant({ name: HEALTHY, coordinators: [coordinator.address], lingerMs: 0 });
    const yes = () => undefined;
    this.participant.action('act', { try: yes, confirm: yes, cancel: yes });
    for (const name of ['__proto__', 'constructor', 'toString']) {
      this.participant.action(name, { try: yes, confirm: yes, cancel: yes });
    }
  }

  static async start(changes: Readonly<Record<string, string>> = {}): Promise<House> {
    const [sqlite] = sqlDatabases();
    if (sqlite === undefined) throw new Error('there is no embedded database to test on');
    const database = await sqlite.create();
    const coordinator = await Coordinator.at('tccd', database.url, { ...env, ...changes });
    await coordinator.start();
    const house = new House(coordinator, database);
    await house.participant.start();
    await eventually(() => house.healthy().then(() => true));
    house.mark();
    return house;
  }

  get address(): string {
    return this.coordinator.address;
  }

  get port(): number {
    return Number(this.address.split(':').at(-1));
  }

  /** From here on memory and rows are measured. */
  mark(): void {
    this.knownRows = this.strangeRows();
    resetPeak(this.coordinator.program.pid);
    this.baseMb = residentMb(this.coordinator.program.pid, 'VmRSS');
  }

  /** What resident memory has grown by since the mark, at its worst, in MB. */
  get growthMb(): number {
    return residentMb(this.coordinator.program.pid, 'VmHWM') - this.baseMb;
  }

  /** Runs one good transaction to its end. */
  async healthy(gid = `${HEALTHY}-${(this.made += 1)}`, action = 'act'): Promise<void> {
    const startedMs = performance.now();
    const { status } = await this.client.execute({ gid, branches: [{ participant: HEALTHY, action }] });
    if (status !== 'CONFIRMED') throw new Error(`a healthy transaction ended as ${status}`);
    const tookMs = performance.now() - startedMs;
    if (tookMs > HEALTHY_MS) throw new Error(`a healthy transaction took ${Math.round(tookMs)} ms`);
  }

  /** After bad input: the process lives, nothing was written, memory is bounded, healthy calls are served at once. */
  async stands({ growthMb = GROWTH_MB, rows = true } = {}): Promise<void> {
    expect(this.coordinator.program.isRunning).toBe(true);
    await this.healthy();
    if (rows) expect(this.strangeRows()).toBe(this.knownRows);
    expect(this.growthMb).toBeLessThan(growthMb);
  }

  /** Rows of everything but healthy transactions and of the participant that serves them. */
  private strangeRows(): number {
    const db = new DatabaseSync(this.database.url.slice('sqlite:'.length), { readOnly: true });
    try {
      const of = (table: string, column: string): number => {
        const strange = db.prepare(`SELECT COUNT(*) AS n FROM ${table} WHERE ${column} NOT LIKE '${HEALTHY}%'`);
        return (strange.get() as { n: number }).n;
      };
      return (
        of('tcc_transactions', 'gid') +
        of('tcc_branches', 'gid') +
        of('tcc_attempts', 'gid') +
        of('tcc_participants', 'participant')
      );
    } finally {
      db.close();
    }
  }

  /** What it wrote to its log and to standard error. */
  get output(): string {
    return this.coordinator.program.output;
  }

  async stop(): Promise<void> {
    await this.participant.stop();
    await this.client.close();
    await this.coordinator.dispose();
    await this.database.drop();
  }
}

/** From Linux's /proc; elsewhere memory is not looked at. */
function residentMb(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  if (process.platform !== 'linux') return 0;
  const found = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1] ?? 0) / 1_024;
}

function resetPeak(pid: number): void {
  if (process.platform === 'linux') writeFileSync(`/proc/${pid}/clear_refs`, '5');
}
