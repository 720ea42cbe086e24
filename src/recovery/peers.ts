import type { CoordinatorStore } from '../journal/coordinators';
import type { Stoppable } from '../lib/lifecycle';
import { Loop, type LoopDeps } from '../lib/loop';

/** A coordinator is known for so long without renewal: longer than a restart of the database takes. */
const LIFETIME_MS = 15_000;
/** How old the list may be: participants attach to a new coordinator this much after its start. */
const LOOK_MS = 1_000;
/** Looks between two renewals: three renewals to a lifetime. */
const LOOKS_PER_RENEWAL = 5;

export interface PeersDeps extends LoopDeps {
  readonly store: CoordinatorStore;
  /** The addresses are not what they were. */
  readonly changed: (addresses: readonly string[]) => void;
}

/** Keeps this coordinator known to the others on the database, and knows their addresses. */
export class Peers implements Stoppable {
  readonly name = 'peers';
  private readonly self: { readonly coordinatorId: string; readonly address: string };
  private readonly deps: PeersDeps;
  private readonly loop: Loop;
  private known: readonly string[];
  private looks = 0;

  constructor(self: { readonly coordinatorId: string; readonly address: string }, deps: PeersDeps) {
    this.self = self;
    this.deps = deps;
    this.known = [self.address];
    this.loop = new Loop('know the other coordinators', LOOK_MS, deps, () => this.look());
  }

  /** host:port of every living coordinator, this one included. */
  get addresses(): readonly string[] {
    return this.known;
  }

  start(): void {
    this.loop.start();
  }

  /** Takes leave: nobody is sent here any more. */
  async stop(): Promise<void> {
    await this.loop.stop();
    // In an outage the row expires by itself.
    await this.deps.store.remove(this.self.coordinatorId).catch((error: unknown) => {
      this.deps.logger.debug({ err: error }, 'this coordinator could not take its leave');
    });
  }

  private async look(): Promise<number> {
    const { store } = this.deps;
    const { coordinatorId, address } = this.self;
    if (this.looks % LOOKS_PER_RENEWAL === 0) await store.save(coordinatorId, address, LIFETIME_MS);
    this.looks += 1;
    const others = await store.addresses();
    const addresses = others.includes(address) ? others : [...others, address].sort();
    if (addresses.join() !== this.known.join()) {
      this.known = addresses;
      this.deps.changed(addresses);
    }
    return LOOK_MS;
  }
}
