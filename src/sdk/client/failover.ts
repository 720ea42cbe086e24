import { Roster } from '../../lib/roster';
import { TccClientError } from './errors';
import { Pulse, type Vitals } from './pulse';
import type { Method, Transport } from './transport';
import { type Prefer, type Terms, Turn, type TurnDeps } from './turn';

/**
 * The one retry loop of the client: it sends a request to the coordinator that worked last, and on failure to the next one,
 * until there is an answer or the patience is over.
 * F1. The request is the same in every attempt, so a transaction never runs twice: its gid is chosen before the first.
 * F2. A call ends by an answer, a final error, its signal, its patience, or close(); never otherwise, and leaves nothing.
 * F3. The coordinator that answered last is asked first by every later call.
 * F4. One that hangs with its connection standing is left as one that is gone (pulse.ts), where there is another.
 */

/** One request and how long it may take. */
interface Request<Message, Response> extends Terms {
  readonly method: Method<Message, Response>;
  /** Builds the message from the patience that is left: the same content every time (F1). */
  readonly request: (leftMs: number) => Message;
}

export interface Ask<Message, Response, Answer> extends Request<Message, Response> {
  /** What the caller gets of a response. */
  readonly read: (response: Response) => Answer;
  /** Says in a sentence what is still going on when the answer is not the end yet; then the same is asked again. */
  readonly pending?: ((answer: Answer) => string | undefined) | undefined;
}

interface FailoverDeps extends Omit<TurnDeps, 'prefer'> {
  readonly transport: Transport;
  /** Where there is none, a coordinator that hangs is left after late attempts only. */
  readonly vitals?: Vitals;
}

export class Failover {
  readonly addresses: readonly string[];
  private readonly transport: Transport;
  private readonly deps: TurnDeps;
  private readonly turns = new Roster<Turn>();
  /** By address; empty when there is nowhere else to go. */
  private readonly pulses = new Map<string, Pulse>();
  private preferred = 0;
  private closed = false;

  constructor(options: { readonly addresses: readonly string[] }, deps: FailoverDeps) {
    if (options.addresses.length === 0) throw new TypeError('addresses must name at least one coordinator');
    this.addresses = options.addresses;
    const prefer: Prefer = (index, insteadOf) => {
      if (insteadOf === undefined || this.preferred === insteadOf) this.preferred = index;
    };
    const { transport, vitals, clock, random, logger } = deps;
    this.transport = transport;
    this.deps = { transport, prefer, clock, random, logger };
    if (vitals === undefined || options.addresses.length === 1) return;
    const lost = (address: string) => logger.debug({ address }, 'a coordinator gives no sign of life');
    for (const address of options.addresses) this.pulses.set(address, new Pulse(address, { clock, vitals, lost }));
  }

  /** Resolves with the answer. Rejects with UnavailableError, TccRequestError, or the signal's reason. */
  async call<Message, Response, Answer>(ask: Ask<Message, Response, Answer>): Promise<Answer> {
    const turn = this.begin(ask);
    try {
      for (;;) {
        const request = ask.request(turn.leftMs());
        const pulse = this.pulses.get(turn.address);
        let response: Response;
        pulse?.asked();
        try {
          response = await this.transport.send(turn.address, ask.method, request, turn.limits());
        } catch (error) {
          pulse?.settled(false);
          await turn.failed(error);
          continue;
        }
        pulse?.settled(true);
        turn.answered();
        const answer = ask.read(response);
        const pending = ask.pending?.(answer);
        if (pending === undefined) return answer;
        await turn.goesOn(pending);
      }
    } finally {
      this.end(turn);
    }
  }

  /**
   * Follows a server stream across coordinators until `isLast` says so. Patience counts from the last message. A message may
   * come again after a failover.
   */
  async *follow<Message, Response>(
    ask: Request<Message, Response>,
    isLast: (response: Response) => boolean,
  ): AsyncGenerator<Response, void, undefined> {
    const turn = this.begin(ask);
    try {
      for (;;) {
        let failure: unknown;
        const stream = this.transport.follow(turn.address, ask.method, ask.request(turn.leftMs()), turn.limits());
        const messages = stream[Symbol.asyncIterator]();
        try {
          for (;;) {
            const next = await messages.next().catch((error: unknown) => ({ error }));
            if ('error' in next) failure = next.error;
            if ('error' in next || next.done === true) break;
            turn.answered();
            yield next.value;
            turn.refreshed();
            if (isLast(next.value)) return;
          }
        } finally {
          await messages.return?.();
        }
        if (failure === undefined) await turn.goesOn('the stream ended early');
        else await turn.failed(failure);
      }
    } finally {
      this.end(turn);
    }
  }

  /** Ends every call that is under way with an error and closes the connections. */
  close(): void {
    this.closed = true;
    for (const turn of this.turns.all()) turn.stop(closedError(turn.gid));
    this.transport.close();
  }

  private begin(terms: Terms): Turn {
    if (this.closed) throw closedError(terms.gid);
    terms.signal?.throwIfAborted();
    const turn = new Turn(terms, { addresses: this.addresses, index: this.preferred }, this.deps);
    this.turns.add(turn);
    return turn;
  }

  private end(turn: Turn): void {
    this.turns.delete(turn);
    turn.end();
  }
}

function closedError(gid: string | undefined): TccClientError {
  return new TccClientError('CLOSED', 'the client is closed', { gid });
}
