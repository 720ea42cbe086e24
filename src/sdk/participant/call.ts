import { bytesOf, type RawBranchCall } from '../../wire/attach';
import { decodeJson } from '../fence/payload';
import type { FenceCall, Phase } from '../fence/words';
import type { CallTime } from './call-time';

/** One call of the coordinator, as a handler gets it. */
export class BranchCall implements FenceCall {
  /** The transaction's id. */
  readonly gid: string;
  /** The branch's id within the transaction; (gid, branchId) is the key of every idempotency check. */
  readonly branchId: string;
  readonly action: string;
  readonly phase: Phase;
  /** How many times this phase of this branch has been called, this call included; it can restart at 1. */
  readonly attempt: number;
  /** The payload as it came: the same bytes in all three phases. */
  readonly bytes: Uint8Array;
  /** The payload's media type; '' means application/octet-stream. */
  readonly contentType: string;
  private readonly time: CallTime;

  constructor(phase: Phase, wire: RawBranchCall, time: CallTime) {
    this.gid = wire.gid;
    this.branchId = wire.branchId;
    this.action = wire.action;
    this.phase = phase;
    this.attempt = wire.attempt;
    this.bytes = bytesOf(wire.payload);
    this.contentType = wire.payload?.contentType ?? '';
    this.time = time;
  }

  /** Milliseconds that are left now; Infinity when the caller set no limit. */
  get remainingMs(): number {
    return this.time.remainingMs();
  }

  /** Aborts when the time is over or the caller has gone. What has been committed by then stays committed. */
  get signal(): AbortSignal {
    return this.time.signal;
  }

  /**
   * The payload, decoded from JSON; undefined when it is empty. The shape is not checked. Throws MalformedPayload when it
   * is not JSON: let that go, the branch is then refused with INVALID_ARGUMENT.
   */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- names the caller's expectation, as JSON has no type
  payload<T>(): T {
    return decodeJson(this) as T;
  }
}
