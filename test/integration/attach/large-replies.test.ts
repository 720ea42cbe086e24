import type { PhaseHandler } from '../../../src/sdk/participant';
import { type Coordinator, House } from './coordinators';

const house = new House();
let coordinator: Coordinator;
beforeAll(async () => {
  // Messages as small as they may be set to: much less than what a participant sends by default.
  const limits = ['--limits-message-bytes', '65536', '--limits-payload-bytes', '1024'];
  coordinator = await new House().coordinator(house.newUrl(), ...limits);
});
afterEach(() => house.clear());
afterAll(async () => {
  await coordinator.stop();
  house.remove();
});

const bytes = (size: number) => ({ bytes: Buffer.alloc(size), contentType: 'x/y' });

async function start(attach: boolean, handlers: { readonly try?: PhaseHandler; readonly confirm?: PhaseHandler }) {
  const seen: string[] = [];
  const participant = house.participant({ coordinators: [coordinator.address], attach });
  const noted =
    (serve: PhaseHandler | undefined): PhaseHandler =>
    (call) => (seen.push(call.phase), serve?.(call));
  participant.action('deduct', {
    try: noted(handlers.try),
    confirm: noted(handlers.confirm),
    cancel: noted(undefined),
  });
  await participant.start();
  return seen;
}

describe.each([
  ['attached', true],
  ['called at its address', false],
])('a participant that is %s', (_carrier, attach) => {
  test.each([
    ['more than the coordinator keeps', 2_000],
    ['more than a message may have', 100_000],
    ['more than the participant sends to anybody', 2_000_000],
  ])('whose Try replies with %s has one Try, and is cancelled', async (_what, size) => {
    const seen = await start(attach, { try: () => bytes(size) });
    const { status, cancelReason } = await coordinator.execute('');
    expect(status).toBe('TRANSACTION_STATUS_CANCELLED');
    expect(cancelReason?.message).toMatch(/reply (has|is larger than)/);
    expect(seen).toEqual(['try', 'cancel']);
  });

  test('whose Confirm returns much is confirmed by its first call', async () => {
    const seen = await start(attach, { confirm: () => bytes(6_000_000) });
    expect(await coordinator.statusOf('')).toBe('TRANSACTION_STATUS_CONFIRMED');
    expect(seen).toEqual(['try', 'confirm']);
  });
});
