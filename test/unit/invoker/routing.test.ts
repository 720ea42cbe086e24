import type { Outcome } from '../../../src/engine/outcome';
import { outcomeOf, type Caller, type ParticipantCall } from '../../../src/invoker/invoker';
import { RoutingInvoker } from '../../../src/invoker/routing';
import { call } from './real-participant';

function routing() {
  const unary: ParticipantCall[] = [];
  const streamed: ParticipantCall[] = [];
  const waiting: ParticipantCall[] = [];
  const answer = (one: ParticipantCall, caller: Caller, code: string) => {
    const outcome: Outcome = { kind: 'refused', code, message: '' };
    queueMicrotask(() => caller.answered(one, outcome));
    return true;
  };
  const invoker = new RoutingInvoker(
    {
      call: (one, caller) => {
        if (one.participant !== 'attached') return false;
        streamed.push(one);
        return answer(one, caller, 'STREAM');
      },
      callOnReturn: (one, caller) => {
        if (one.participant === 'gone') return false;
        waiting.push(one);
        return answer(one, caller, 'RETURN');
      },
    },
    { call: (one, caller) => (unary.push(one), answer(one, caller, 'UNARY')) },
    { needsStream: (participant) => ['away', 'gone'].includes(participant) },
  );
  return { invoker, unary, streamed, waiting };
}

test('a call goes over a stream where an attached instance serves it, and nowhere else', async () => {
  const { invoker, unary, streamed } = routing();
  const one = call({ participant: 'attached' });
  expect(await outcomeOf(invoker, one)).toMatchObject({ code: 'STREAM' });
  expect(streamed).toEqual([one]);
  expect(unary).toEqual([]);
});

test('a call that no attached instance serves goes to an address at once', async () => {
  const { invoker, unary, streamed, waiting } = routing();
  const one = call({ participant: 'listening' });
  expect(await outcomeOf(invoker, one)).toMatchObject({ code: 'UNARY' });
  expect(unary).toEqual([one]);
  expect(streamed).toEqual([]);
  expect(waiting).toEqual([]);
});

test('a call to a participant that is known and has no address waits for its return', async () => {
  const { invoker, unary, waiting } = routing();
  const one = call({ participant: 'away' });
  expect(await outcomeOf(invoker, one)).toMatchObject({ code: 'RETURN' });
  expect(waiting).toEqual([one]);
  expect(unary).toEqual([]);
});

test('a call to one that is not expected back is answered as one without a live instance', async () => {
  const { invoker, unary } = routing();
  const one = call({ participant: 'gone' });
  expect(await outcomeOf(invoker, one)).toMatchObject({ code: 'UNARY' });
  expect(unary).toEqual([one]);
});
