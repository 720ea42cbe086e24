import { silentLogger } from '../../../../src/lib/logger';
import type { BatchActionHandlers } from '../../../../src/sdk/participant';
import { Actions } from '../../../../src/sdk/participant/actions';
import { CallHandler } from '../../../../src/sdk/participant/call-handler';
import type { Phase } from '../../../../src/sdk/fence/words';
import { VirtualClock } from '../../../support/virtual-clock';

const MIB = 1_048_576;
const bytes = (size: number) => ({ bytes: Buffer.alloc(size, 'secret'), contentType: 'x/y' });

let warnings: unknown[];
const logger = {
  ...silentLogger,
  warn: (fields: object, message: string) => void warnings.push({ ...fields, message }),
};
beforeEach(() => {
  warnings = [];
});

/** One call whose handler returns `value`; in a batch, beside another one that returns 'small'. */
type Serve = (phase: Phase, value: unknown) => Promise<unknown>;

function handlerOf(handlers: BatchActionHandlers): CallHandler {
  const actions = new Actions();
  actions.add('deduct', handlers, {});
  return new CallHandler({ actions, maxInFlight: 10 }, { clock: new VirtualClock(), logger });
}

const wire = (gid: string) => ({ gid, branchId: 'b', action: 'deduct', attempt: 1, remainingMs: 0, payload: null });

const alone: Serve = (phase, value) => {
  const serve = () => value;
  return handlerOf({ try: serve, confirm: serve, cancel: serve }).handle(phase, wire('g'));
};

const inBatch: Serve = async (phase, value) => {
  const serve = (calls: readonly { readonly gid: string }[]) =>
    Promise.resolve(calls.map(({ gid }) => (gid === 'g' ? value : 'small')));
  const handler = handlerOf({ tryBatch: serve, confirmBatch: serve, cancelBatch: serve });
  const [answer, other] = await Promise.all([handler.handle(phase, wire('g')), handler.handle(phase, wire('other'))]);
  expect(other).toMatchObject({ kind: 'done' });
  return answer;
};

describe.each<[string, Serve]>([
  ['by a single handler', alone],
  ['by a batch handler', inBatch],
])('what is returned %s', (_, serve) => {
  test('from a Try travels up to the bound', async () => {
    expect(await serve('try', bytes(MIB))).toMatchObject({ kind: 'done', payload: { data: { length: MIB } } });
    expect(warnings).toEqual([]);
  });

  test('from a Try and is larger makes it a refusal, so that the branch is cancelled and the Try not repeated', async () => {
    expect(await serve('try', bytes(MIB + 1))).toEqual({
      kind: 'failed',
      status: 'RESOURCE_EXHAUSTED',
      message: 'the Try is done, but its reply has 1048577 bytes, and at most 1048576 can be sent',
      fence: undefined,
    });
    expect(warnings).toEqual([
      {
        gid: 'g',
        branchId: 'b',
        action: 'deduct',
        phase: 'try',
        attempt: 1,
        bytes: MIB + 1,
        message: 'a Try is refused because its reply is too large',
      },
    ]);
  });

  test.each<Phase>(['confirm', 'cancel'])('from a %s goes nowhere, whatever it is: the work is done', async (phase) => {
    const circle: Record<string, unknown> = {};
    circle['itself'] = circle;
    for (const value of [bytes(6 * MIB), 1n, circle, () => 1]) {
      expect(await serve(phase, value)).toEqual({ kind: 'done', payload: undefined, fence: undefined });
    }
  });
});
