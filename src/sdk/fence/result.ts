import type { RawPayload } from './payload';
import type { FenceOutcome } from './words';

/**
 * What `fence.run` found and what the business code answered, now or when it ran. A participant's handler returns it as
 * it is: the server forwards both.
 */
export class FenceResult<Reply = unknown> {
  readonly fence: FenceOutcome;
  /** The business code's reply; in a repeated Try the stored one. Undefined where there was none. */
  readonly reply: Reply | undefined;
  /** The same of a Try, as it travels: a repeat answers the very bytes that the first call answered. Undefined in other phases. */
  readonly payload: RawPayload | undefined;

  constructor(fence: FenceOutcome, reply: Reply | undefined, payload: RawPayload | undefined) {
    this.fence = fence;
    this.reply = reply;
    this.payload = payload;
  }
}
