import { ExecuteSession, type CallStream } from '../../../src/rpc/execute-session';
import { Calls, type CallLimits } from '../../../src/rpc/handler';
import { transactionCalls } from '../../../src/rpc/transaction-calls';
import type { Served } from '../../../src/rpc/execute-session';
import type { TransactionApi } from '../../../src/coordinator/api';
import { silentLogger } from '../../../src/lib/logger';
import { executeStreamMethod } from '../../../src/wire/execute-stream';
import type { ExecuteStreamCall } from '../../../src/wire/generated/tcc/v1/ExecuteStreamCall';
import type { ExecuteStreamReply__Output } from '../../../src/wire/generated/tcc/v1/ExecuteStreamReply';
import { tccV1 } from '../../../src/wire/proto';
import type { WireStatus } from '../../../src/wire/status';
import { noTransactions } from '../../support/raw-rpc';
import { VirtualClock } from '../../support/virtual-clock';
import { limits } from './requests';

/** The same method as any other client has it: what the stream's own encoding must agree with. */
const plain = tccV1.TransactionService.service.ExecuteStream;

/** One session over faked transactions, without gRPC and on a test's time. */
export class StreamHouse {
  readonly clock = new VirtualClock();
  readonly calls: Calls;
  readonly session: ExecuteSession;
  /** Every frame of replies that was sent. */
  readonly frames: ExecuteStreamReply__Output[][] = [];
  /** How the stream was ended; undefined in the list when it went well. */
  readonly ends: (WireStatus | undefined)[] = [];
  paused = false;
  /** What `write` answers. */
  takesMore = true;

  constructor(transactions: Partial<TransactionApi>, changes: Partial<CallLimits & { messageBytes: number }> = {}) {
    const deps = { logger: silentLogger, clock: this.clock };
    this.calls = new Calls({ callsInFlight: 100, watchers: 0, ...changes }, deps);
    const served = transactionCalls(limits, {
      transactions: { ...noTransactions, ...transactions },
      newGid: () => 'made-here',
    });
    this.session = new ExecuteSession(
      this.stream(),
      { messageBytes: changes.messageBytes ?? 65_536 },
      { served: served as unknown as Served, calls: this.calls, clock: this.clock },
    );
    this.calls.open(this.session);
  }

  /** Has a frame arrive. */
  receive(...entries: readonly ExecuteStreamCall[]): void {
    this.session.received(executeStreamMethod.requestDeserialize(plain.requestSerialize({ entries: [...entries] })));
  }

  /** Every reply, in the order of arrival. */
  get replies(): ExecuteStreamReply__Output[] {
    return this.frames.flat();
  }

  private stream(): CallStream {
    return {
      write: (frame) => {
        this.frames.push(plain.responseDeserialize(executeStreamMethod.responseSerialize(frame)).entries);
        return this.takesMore;
      },
      pause: () => (this.paused = true),
      resume: () => (this.paused = false),
      end: (status) => this.ends.push(status),
    };
  }
}
