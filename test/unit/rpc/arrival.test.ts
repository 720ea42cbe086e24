import { type ServerInterceptingCall, type ServerInterceptingCallInterface, status } from '@grpc/grpc-js';

import { ARRIVAL_MS, arrivesInTime } from '../../../src/rpc/arrival';
import { VirtualClock } from '../../support/virtual-clock';

type Listener = Parameters<ServerInterceptingCallInterface['start']>[0];

/** grpc-js' end of one call: a test says what arrives on it. */
function incoming() {
  const statuses: unknown[] = [];
  let listener: Listener | undefined;
  const call = {
    start: (given: Listener) => (listener = given),
    sendStatus: (sent: unknown) => statuses.push(sent),
  };
  return { call: call as unknown as ServerInterceptingCallInterface, statuses, listener: () => listener as Listener };
}

function intercepted(requestStream: boolean) {
  const clock = new VirtualClock();
  const { call, statuses, listener } = incoming();
  const method = { path: '/x/Y', requestStream, responseStream: false };
  const through: ServerInterceptingCall = arrivesInTime(clock)(method as never, call);
  const heard: string[] = [];
  through.start({
    onReceiveMetadata: () => heard.push('metadata'),
    onReceiveMessage: () => heard.push('message'),
    onReceiveHalfClose: () => heard.push('half-close'),
    onCancel: () => heard.push('cancel'),
  });
  return { clock, statuses, heard, listener };
}

test('a unary request that does not arrive whole in time is ended', async () => {
  const { clock, statuses, listener } = intercepted(false);
  listener().onReceiveMetadata({} as never);
  listener().onReceiveMessage({});
  await clock.advance(ARRIVAL_MS - 1);
  expect(statuses).toEqual([]);
  await clock.advance(1);
  expect(statuses).toMatchObject([{ code: status.DEADLINE_EXCEEDED }]);
});

test('one that has arrived may take its time to be answered', async () => {
  const { clock, statuses, heard, listener } = intercepted(false);
  listener().onReceiveMetadata({} as never);
  listener().onReceiveMessage({});
  listener().onReceiveHalfClose();
  expect(heard).toEqual(['metadata', 'message', 'half-close']);
  expect(clock.pending).toBe(0);
  await clock.advance(ARRIVAL_MS * 2);
  expect(statuses).toEqual([]);
});

test('a caller that goes away leaves no timer behind', () => {
  const { clock, heard, listener } = intercepted(false);
  listener().onReceiveMetadata({} as never);
  expect(clock.pending).toBe(1);
  listener().onCancel();
  expect(clock.pending).toBe(0);
  expect(heard).toEqual(['metadata', 'cancel']);
});

test('a call that was cancelled before anything arrived has no timer', () => {
  expect(intercepted(false).clock.pending).toBe(0);
});

test('streams of requests are left alone', () => {
  const { clock, listener } = intercepted(true);
  listener().onReceiveMetadata({} as never);
  expect(clock.pending).toBe(0);
});
