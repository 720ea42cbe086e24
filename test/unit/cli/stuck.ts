import { BEGAN_MS, FakeCoordinator, transaction } from '../sdk/client/fake-coordinator';

/** A transaction that waits for an operator. */
export const stuck = transaction({
  status: 'TRANSACTION_STATUS_CONFIRMING',
  parked: true,
  finishedAtMs: 0,
  rounds: 3,
  branches: [
    {
      branchId: 'stock',
      participant: 'inventory',
      action: 'deduct',
      status: 'BRANCH_STATUS_TRIED',
      attempts: 2,
      lastError: 'UNAVAILABLE: connection\u001b[31m refused',
      registeredAtMs: BEGAN_MS,
      triedAtMs: BEGAN_MS + 10,
      tryReply: { data: Buffer.from('secret'), contentType: 'text/plain' },
    },
  ],
});

/** A coordinator that shows it, with an attempt and a timeline. */
async function stuckCoordinator(): Promise<FakeCoordinator> {
  const fake = await new FakeCoordinator().start();
  return fake.on('GetTransaction', () => ({
    transaction: stuck,
    attempts: [
      {
        branchId: 'stock',
        phase: 'PHASE_CONFIRM',
        attempt: 2,
        code: 'UNAVAILABLE',
        message: 'connection refused',
        atMs: BEGAN_MS + 1_500,
      },
    ],
    timeline: [
      { atMs: BEGAN_MS, text: 'began' },
      { atMs: BEGAN_MS + 1_500, text: 'branch stock: Confirm failed', branchId: 'stock' },
    ],
    worker: 'host-1',
  }));
}

/** One for each test, and how tccctl is told where it is. */
export function eachWithStuckCoordinator(): { readonly fake: FakeCoordinator; readonly at: readonly string[] } {
  let fake: FakeCoordinator;
  beforeEach(async () => {
    fake = await stuckCoordinator();
  });
  afterEach(() => fake.stop());
  return {
    get fake() {
      return fake;
    },
    get at() {
      return ['--address', fake.address];
    },
  };
}
