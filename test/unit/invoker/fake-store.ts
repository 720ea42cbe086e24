import type { NewInstance, ParticipantStore, StoredAction, StoredInstance } from '../../../src/journal/participants';
import { TccError } from '../../../src/lib/errors';
import type { FakeClock } from './fake-clock';

/** The store's clock is this far ahead of the process's monotonic one, so that a mix-up shows. */
export const EPOCH_MS = 1_700_000_000_000;

export class FakeStore implements ParticipantStore {
  rows: StoredInstance[] = [];
  reads = 0;
  forgets: number[] = [];
  /** Every call fails while this is set. */
  away = false;
  private held: Promise<void> | undefined;
  private readonly clock: FakeClock;

  constructor(clock: FakeClock) {
    this.clock = clock;
  }

  get nowMs(): number {
    return EPOCH_MS + this.clock.monotonicMs();
  }

  /** From now on a read takes what is there when it begins, and answers once the returned function is called. */
  holdReads(): () => void {
    let release: () => void = () => undefined;
    this.held = new Promise((resolve) => (release = resolve));
    return () => {
      this.held = undefined;
      release();
    };
  }

  save(instance: NewInstance, lifetimeMs: number): Promise<void> {
    return this.answer(() => {
      this.rows = this.rows.filter((row) => !isSame(row, instance.participant, instance.instanceId));
      this.rows.push({ ...instance, expiresAt: this.nowMs + lifetimeMs });
    });
  }

  expire(participant: string, instanceId: string): Promise<void> {
    return this.answer(() => {
      this.rows = this.rows.map((row) =>
        isSame(row, participant, instanceId) ? { ...row, expiresAt: this.nowMs } : row,
      );
    });
  }

  async all(): Promise<{ nowMs: number; instances: readonly StoredInstance[] }> {
    this.reads += 1;
    const instances = this.rows;
    await this.held;
    return this.answer(() => ({ nowMs: this.nowMs, instances }));
  }

  forget(keptMs: number, participant?: string): Promise<void> {
    return this.answer(() => {
      this.forgets.push(keptMs);
      const isKept = (row: StoredInstance) =>
        row.expiresAt > this.nowMs - keptMs || (participant !== undefined && row.participant !== participant);
      this.rows = this.rows.filter(isKept);
    });
  }

  private answer<Result>(result: () => Result): Promise<Result> {
    return this.away
      ? Promise.reject(new TccError('JOURNAL_UNAVAILABLE', 'the database is away'))
      : Promise.resolve(result());
  }
}

function isSame(row: NewInstance, participant: string, instanceId: string): boolean {
  return row.participant === participant && row.instanceId === instanceId;
}

export function action(name: string, more: Partial<StoredAction> = {}): StoredAction {
  return { name, methods: undefined, callTimeoutMs: 0, tryAttempts: 0, ...more };
}

export function instance(participant: string, instanceId: string, actions: StoredAction[]): NewInstance {
  return { participant, instanceId, address: `${instanceId}.test:80`, actions };
}
