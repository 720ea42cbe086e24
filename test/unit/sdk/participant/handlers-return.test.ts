import { silentLogger } from '../../../../src/lib/logger';
import { Actions } from '../../../../src/sdk/participant/actions';
import { CallHandler } from '../../../../src/sdk/participant/call-handler';
import { VirtualClock } from '../../../support/virtual-clock';

const wire = { gid: 'g', branchId: 'b', action: 'deduct', attempt: 1, remainingMs: 0, payload: null };

function handlerOf(serve: () => unknown): CallHandler {
  const actions = new Actions();
  actions.add('deduct', { try: serve, confirm: serve, cancel: serve }, {});
  return new CallHandler({ actions, maxInFlight: 1 }, { clock: new VirtualClock(), logger: silentLogger });
}

/** A query builder runs its query when it is awaited. */
function thenable(settle: (resolve: (value: unknown) => void, reject: (error: Error) => void) => void): object {
  return { then: settle };
}

/** What `serve` makes the call end with; afterwards nothing runs any more. */
async function answerTo(serve: () => unknown): Promise<unknown> {
  const handler = handlerOf(serve);
  const answer = await handler.handle('try', wire);
  await handler.drained();
  expect(await handler.handle('try', wire)).toEqual(answer);
  return answer;
}

describe('a handler may return its reply', () => {
  it.each<[string, () => unknown]>([
    ['as it is', () => 'sold'],
    ['as a promise', () => Promise.resolve('sold')],
    ['as something that is awaited like one', () => thenable((resolve) => resolve('sold'))],
    [
      'as a function that is awaited like one',
      () =>
        Object.assign(
          () => 'no',
          thenable((resolve) => resolve('sold')),
        ),
    ],
  ])('%s', async (_, serve) => {
    expect(await answerTo(serve)).toEqual({
      kind: 'done',
      payload: { data: Buffer.from('"sold"'), contentType: 'application/json' },
      fence: undefined,
    });
  });
});

describe('a handler may fail', () => {
  it.each<[string, () => unknown]>([
    [
      'at once',
      () => {
        throw new Error('no stock');
      },
    ],
    ['later', () => Promise.reject(new Error('no stock'))],
    ['when it is awaited', () => thenable((_, reject) => reject(new Error('no stock')))],
  ])('%s', async (_, serve) => {
    expect(await answerTo(serve)).toEqual({
      kind: 'failed',
      status: 'UNKNOWN',
      message: 'handler failed',
      fence: undefined,
    });
  });
});
