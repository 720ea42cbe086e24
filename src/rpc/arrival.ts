import { type ServerInterceptor, ServerInterceptingCall, status } from '@grpc/grpc-js';

import type { Clock, Timer } from '../lib/clock';

/**
 * How long a unary request may take to arrive whole, in milliseconds. What has arrived of it is held meanwhile, up to the largest
 * message, and no other bound sees it: the call is in flight only once its request is there. 4 MiB in this time are 1 Mbit/s.
 */
export const ARRIVAL_MS = 30_000;

const tooSlow = {
  code: status.DEADLINE_EXCEEDED,
  details: `the request did not arrive whole within ${ARRIVAL_MS} ms`,
  metadata: null,
};

/** Ends calls whose request does not arrive in time. Streams of requests have no end to wait for, and watch over themselves. */
export function arrivesInTime(clock: Clock): ServerInterceptor {
  return (method, call) => {
    // As it is: another layer would cost each message of the stream.
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- grpc-js uses the interface only
    if (method.requestStream) return call as ServerInterceptingCall;
    let timer: Timer | undefined;
    return new ServerInterceptingCall(call, {
      start(next) {
        next({
          // Not before: a call that is cancelled already is never told so.
          onReceiveMetadata(metadata, proceed) {
            timer = clock.startTimer(ARRIVAL_MS, () => call.sendStatus(tooSlow));
            proceed(metadata);
          },
          onReceiveHalfClose(proceed) {
            timer?.stop();
            proceed();
          },
          onCancel() {
            timer?.stop();
          },
        });
      },
    });
  };
}
