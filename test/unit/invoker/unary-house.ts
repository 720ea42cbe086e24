import { Balancer, type Target, type Targets } from '../../../src/invoker/target';
import { UnaryInvoker } from '../../../src/invoker/unary';
import { systemClock } from '../../../src/lib/clock';
import { silentLogger } from '../../../src/lib/logger';
import { type Handler, RealParticipant } from './real-participant';

export const PAYLOAD_BYTES = 1_000;

/** Times that two clocks measured are as far apart as their steps, each a millisecond at most. */
export const CLOCKS_APART_MS = 2;

/** The invoker of unary calls, with participants that are real servers on loopback. */
export class UnaryHouse {
  invoker: UnaryInvoker = this.make();
  private readonly targets: Target[] = [];
  private readonly participants: RealParticipant[] = [];

  make(inFlightPerParticipant = 1_000): UnaryInvoker {
    // Its time stands still: whom it avoids it avoids to the end of the test.
    const balancer = new Balancer({ ...systemClock, monotonicMs: () => 0 });
    const fake: Targets = {
      pick: (participant) => balancer.choose(this.targets.filter((target) => target.participant === participant)),
      began: (key) => balancer.began(key),
      ended: (key, reached) => balancer.ended(key, reached),
    };
    const options = { inFlightPerParticipant, payloadBytes: PAYLOAD_BYTES, messageBytes: 4 * 1024 * 1024 };
    return new UnaryInvoker(options, { targets: fake, clock: systemClock, logger: silentLogger });
  }

  /** Makes an address known as the next instance of `stock`. */
  target(address: string, more: Partial<Target> = {}): void {
    const { targets } = this;
    targets.push({
      key: `stock/${targets.length}`,
      participant: 'stock',
      instanceId: String(targets.length),
      address,
      methods: undefined,
      ...more,
    });
  }

  async participant(handler?: Handler, more: Partial<Target> = {}, port = 0): Promise<RealParticipant> {
    const started = await new RealParticipant(handler).start(port);
    this.participants.push(started);
    this.target(started.address, more);
    return started;
  }

  async stop(): Promise<void> {
    await this.invoker.stop();
    for (const participant of this.participants) participant.stop();
  }
}
