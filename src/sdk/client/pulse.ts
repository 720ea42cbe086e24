import { type ServiceError, status } from '@grpc/grpc-js';

import { Abort } from '../../lib/abort';
import type { Clock, Timer } from '../../lib/clock';
import type { CallLimits } from './transport';

/**
 * Notices that a coordinator hangs although its connection stands: its process is frozen, or the network has become a black hole.
 * V1. A coordinator is asked for a sign of life only while a call waits there and nothing has been heard of it for SILENCE_MS. Any
 *     answer will do, also an error: it shows that somebody is there, and a transaction that takes long is left in peace.
 * V2. One that does not answer in ANSWER_MS is let go of: what waits there fails as on a lost connection, and whoever made a call
 *     sends the same elsewhere. That is safe whatever became of it, because the gid is the same (F1).
 * V3. While no call waits anywhere no timer runs (I13).
 */

/** Long enough for most transactions, so that a client at work hardly ever asks. */
const SILENCE_MS = 1_000;

/** A coordinator answers from memory; one whose event loop stands still for so long serves nobody. */
const ANSWER_MS = 1_500;

/** When this process itself stood still, an answer may have arrived that it has not read: it reads before this is over. */
const GLANCE_MS = 50;

/** What the pulse needs of whatever carries the calls. */
export interface Vitals {
  /** Asks the coordinator for any answer at all. Rejects with a grpc-js ServiceError, which may be an answer too. */
  ping(address: string, limits: CallLimits): Promise<void>;
  /** Fails every call that waits at the coordinator as on a lost connection; the next call there makes a new one. */
  drop(address: string, why: string): void;
}

interface PulseDeps {
  readonly clock: Clock;
  readonly vitals: Vitals;
  /** Hears of each coordinator that is let go of. */
  readonly lost: (address: string) => void;
}

/** The pulse of one coordinator. */
export class Pulse {
  private readonly address: string;
  private readonly deps: PulseDeps;
  private waiting = 0;
  private heardAtMs = 0;
  private timer: Timer | undefined;
  private probe: Abort | undefined;

  constructor(address: string, deps: PulseDeps) {
    this.address = address;
    this.deps = deps;
  }

  /** A call is sent. */
  asked(): void {
    this.waiting += 1;
    if (this.waiting > 1) return;
    this.heardAtMs = this.deps.clock.monotonicMs();
    this.lookIn(SILENCE_MS);
  }

  /** A call has its answer, or none is waited for any more. `isSign`: the coordinator was heard. */
  settled(isSign: boolean): void {
    this.waiting -= 1;
    if (this.waiting === 0) this.rest();
    else if (isSign) this.heardAtMs = this.deps.clock.monotonicMs();
  }

  private rest(): void {
    this.timer?.stop();
    this.probe?.abort();
    this.probe = undefined;
  }

  private lookIn(delayMs: number): void {
    this.timer = this.deps.clock.startTimer(delayMs, () => this.look());
  }

  private look(): void {
    const silentMs = this.deps.clock.monotonicMs() - this.heardAtMs;
    if (silentMs < SILENCE_MS) this.lookIn(SILENCE_MS - silentMs);
    else this.ask();
  }

  private ask(): void {
    const { clock, vitals } = this.deps;
    const probe = new Abort();
    this.probe = probe;
    const askedAtMs = clock.monotonicMs();
    const answered = () => {
      if (this.probe !== probe) return;
      this.probe = undefined;
      this.heardAtMs = clock.monotonicMs();
      this.timer?.stop();
      this.lookIn(SILENCE_MS);
    };
    // Its own time is longer than what is waited for: running out of it is no answer.
    const limits = { timeoutMs: 2 * ANSWER_MS, signal: probe };
    vitals.ping(this.address, limits).then(answered, (error: unknown) => {
      if (isAnswer(error)) answered();
    });
    this.timer = clock.startTimer(ANSWER_MS, () => {
      this.timer = clock.startTimer(GLANCE_MS, () => this.judge(askedAtMs));
    });
  }

  private judge(askedAtMs: number): void {
    this.probe?.abort();
    this.probe = undefined;
    if (this.heardAtMs > askedAtMs) {
      this.look();
      return;
    }
    this.lookIn(SILENCE_MS);
    this.heardAtMs = this.deps.clock.monotonicMs();
    this.deps.lost(this.address);
    const waitedMs = SILENCE_MS + ANSWER_MS;
    this.deps.vitals.drop(this.address, `the coordinator gave no sign of life for ${waitedMs} ms`);
  }
}

/** DEADLINE_EXCEEDED, CANCELLED: nobody has answered. UNAVAILABLE: the connection is lost, and the calls hear of it themselves. */
function isAnswer(error: unknown): boolean {
  const { code } = error as Partial<ServiceError>;
  return code !== status.CANCELLED && code !== status.DEADLINE_EXCEEDED;
}
