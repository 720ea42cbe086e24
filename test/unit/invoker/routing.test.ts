import type { Outcome } from '../../../src/engine/outcome';
import type { ParticipantCall } from '../../../src/invoker/invoker';
import { RoutingInvoker } from '../../../src/invoker/routing';
import { call } from './real-participant';

function routing() {
  const unary: ParticipantCall[] = [];
  const streamed: ParticipantCall[] = [];
  const outcome = (code: string): Promise<Outcome> => Promise.resolve({ kind: 'refused', code, message: '' });
  const invoker = new RoutingInvoker(
    {
      call: (one) => {
        if (one.participant !== 'attached') return undefined;
        streamed.push(one);
        return outcome('STREAM');
      },
    },
    { call: (one) => (unary.push(one), outcome('UNARY')) },
  );
  return { invoker, unary, streamed };
}

test('a call goes over a stream where an attached instance serves it, and nowhere else', async () => {
  const { invoker, unary, streamed } = routing();
  const one = call({ participant: 'attached' });
  expect(await invoker.call(one)).toMatchObject({ code: 'STREAM' });
  expect(streamed).toEqual([one]);
  expect(unary).toEqual([]);
});

test('a call that no attached instance serves goes to an address', async () => {
  const { invoker, unary, streamed } = routing();
  const one = call({ participant: 'listening' });
  expect(await invoker.call(one)).toMatchObject({ code: 'UNARY' });
  expect(unary).toEqual([one]);
  expect(streamed).toEqual([]);
});
