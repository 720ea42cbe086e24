import type { handleBidiStreamingCall, ServerDuplexStream } from '@grpc/grpc-js';

import type { Clock } from '../lib/clock';
import type { EncodedFrame, Frame, RawCall } from '../wire/execute-stream';
import { headersOfBound } from '../wire/message-bound';
import { toStatus } from '../wire/status';
import { type CallStream, ExecuteSession, type Served } from './execute-session';
import type { Calls } from './handler';
import type { TransactionCalls } from './transaction-calls';

type Call = ServerDuplexStream<Frame<RawCall>, EncodedFrame>;

/** Serves TransactionService.ExecuteStream with the functions that serve the unary calls. */
export function executeStream(
  limits: { readonly messageBytes: number },
  calls: Calls,
  served: TransactionCalls,
  { clock }: { readonly clock: Clock },
): handleBidiStreamingCall<Frame<RawCall>, EncodedFrame> {
  // An entry's field and the function have the same name, and the proto says that the one holds what the other takes.
  const deps = { served: served as unknown as Served, calls, clock };
  const headers = headersOfBound(limits.messageBytes);
  return (call) => {
    const session = new ExecuteSession(streamOf(call), limits, deps);
    try {
      calls.open(session);
    } catch (error) {
      call.emit('error', toStatus(error));
      return;
    }
    // Not with the first reply: the client sends small frames until it knows.
    call.sendMetadata(headers);
    call.on('data', (frame: Frame<RawCall>) => session.received(frame));
    call.on('drain', () => session.drained());
    call.on('end', () => session.halfClosed());
    call.on('cancelled', () => session.gone());
  };
}

function streamOf(call: Call): CallStream {
  return {
    write: (frame) => call.write(frame),
    pause: () => call.pause(),
    resume: () => call.resume(),
    end: (status) => {
      // grpc-js sends what was written before the status of an error.
      if (status === undefined) call.end();
      else call.emit('error', status);
    },
  };
}
