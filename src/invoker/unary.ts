import { connectivityState, credentials, type Client, type ClientUnaryCall, type ServiceError } from '@grpc/grpc-js';

import type { Outcome } from '../engine/outcome';
import type { Clock } from '../lib/clock';
import type { Stoppable } from '../lib/lifecycle';
import type { Logger } from '../lib/logger';
import { clampTimeoutMs, deadlineIn } from '../wire/deadline';
import { endOf } from '../wire/status';
import { Channels, type Connect } from './channels';
import { Gate, type Passage } from './gate';
import type { Caller, Invoker, ParticipantCall } from './invoker';
import { cutOff, done, failure, localFailure, type Reply } from './outcome';
import type { Target, Targets } from './target';
import { wireCall } from './wire-call';

export interface UnaryOptions {
  /** Calls in flight to one participant, over all its instances. */
  readonly inFlightPerParticipant: number;
  /** The largest payload of a reply that is kept, in bytes. */
  readonly payloadBytes: number;
  /** The largest message, in bytes. */
  readonly messageBytes: number;
}

export interface UnaryDeps {
  readonly targets: Targets;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Makes the client of an address (default: gRPC's own). */
  readonly connect?: Connect;
}

/**
 * How many calls may wait for each one in flight. With the default of 1,000 in flight 4,000 wait; a participant that answers
 * within 600 ms has taken all of them up within the default call timeout of 3 s, and one that does not would let them wait in vain.
 */
const WAITING_PER_IN_FLIGHT = 4;

/**
 * Calls participants at their addresses, one gRPC call each.
 * U1. Never rejects, never retries: what went wrong is an outcome.
 * U2. A call ends within its timeout, its time at the gate included.
 * U3. After stop() no call, timer or connection is left.
 */
export class UnaryInvoker implements Invoker, Stoppable {
  readonly name = 'unary invoker';
  private readonly options: UnaryOptions;
  private readonly deps: UnaryDeps;
  private readonly gate: Gate;
  private readonly channels: Channels;
  private readonly calls = new Set<ClientUnaryCall>();
  private readonly running = new Set<Promise<void>>();
  private stopping = false;

  constructor(options: UnaryOptions, deps: UnaryDeps) {
    this.options = options;
    this.deps = deps;
    const { inFlightPerParticipant: inFlight, messageBytes } = options;
    this.gate = new Gate({ inFlight, waiting: inFlight * WAITING_PER_IN_FLIGHT }, deps.clock);
    const channels = { messageBytes, credentials: credentials.createInsecure() };
    this.channels = new Channels(channels, deps.clock, deps.connect);
  }

  /** See Invoker. A participant with too many calls already is `unknown` OVERLOADED, one without a live instance UNAVAILABLE. */
  call(call: ParticipantCall, caller: Caller): void {
    const running = this.passAndCarry(call).then((outcome) => {
      this.running.delete(running);
      caller.answered(call, outcome);
    });
    this.running.add(running);
  }

  /** Cancels what is in flight and closes every connection. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.gate.close();
    for (const call of this.calls) call.cancel();
    await Promise.allSettled(this.running);
    this.channels.close();
  }

  private async passAndCarry(call: ParticipantCall): Promise<Outcome> {
    const { clock } = this.deps;
    const startedAtMs = clock.monotonicMs();
    const passage = await this.gate.enter(call.participant, call.timeoutMs);
    if (passage !== 'enters') return notSent(call, passage);
    try {
      if (this.stopping) return notSent(call, 'closed');
      const target = this.deps.targets.pick(call.participant, call.action);
      if (target === undefined) return failure('UNAVAILABLE', `no live instance of ${call.participant}`);
      const remainingMs = clampTimeoutMs(call.timeoutMs - (clock.monotonicMs() - startedAtMs));
      const outcome = await this.carry(target, call, remainingMs);
      if (outcome.kind !== 'done') this.logFailure(target, call, outcome.code, clock.monotonicMs() - startedAtMs);
      return outcome;
    } catch (error) {
      // Nothing above is expected to throw; what does must not take the caller with it.
      this.deps.logger.error({ err: error, participant: call.participant }, 'a participant call broke');
      return failure('INTERNAL', 'the call broke in the coordinator');
    } finally {
      this.gate.leave(call.participant);
    }
  }

  private async carry(target: Target, call: ParticipantCall, remainingMs: number): Promise<Outcome> {
    const { targets } = this.deps;
    let reached = true;
    targets.began(target.key);
    try {
      return await this.channels.use(target.address, async (client) => {
        const answer = await this.send(client, target, call, remainingMs);
        reached = !isUnreachable(answer, client);
        return answer.outcome;
      });
    } finally {
      targets.ended(target.key, reached);
    }
  }

  private send(client: Client, target: Target, call: ParticipantCall, remainingMs: number): Promise<Answer> {
    const { messageBytes, payloadBytes } = this.options;
    const wire = wireCall(target, call, remainingMs);
    return new Promise((resolve) => {
      let isAnswering = false;
      const ended = (error: ServiceError | null, response?: Buffer) => {
        this.calls.delete(sent);
        if (error !== null) {
          const { status, message } = endOf(error);
          const isCutOff = isAnswering && status === 'RESOURCE_EXHAUSTED' && CUT_OFF.test(message);
          resolve({ outcome: isCutOff ? cutOff(call.phase, messageBytes) : failure(status, message), code: status });
        } else {
          const outcome = done(call.phase, legible(wire.read, response ?? Buffer.alloc(0)), payloadBytes);
          resolve({ outcome, code: 'OK' });
        }
      };
      const options = { deadline: deadlineIn(this.deps.clock, remainingMs), waitForReady: false };
      const sent = client.makeUnaryRequest(wire.path, bytes, bytes, wire.request, wire.metadata, options, ended);
      sent.on('metadata', () => (isAnswering = true));
      this.calls.add(sent);
    });
  }

  private logFailure(target: Target, call: ParticipantCall, code: string, durationMs: number): void {
    const { gid, branchId, phase, attempt, participant, action } = call;
    const { address } = target;
    this.deps.logger.debug(
      { gid, branchId, phase, attempt, participant, action, address, code, durationMs: Math.round(durationMs) },
      'participant call failed',
    );
  }
}

/** The reply, unless the bytes are not the message. */
function legible(read: (bytes: Buffer) => Reply, bytes: Buffer): Reply | undefined {
  try {
    return read(bytes);
  } catch {
    return undefined;
  }
}

interface Answer {
  readonly outcome: Outcome;
  /** The gRPC status that the call ended with. */
  readonly code: string;
}

/**
 * What grpc-js says of a reply above its bound (1.14.7). The participant's own RESOURCE_EXHAUSTED, which may say the same of the
 * request, comes without the headers that begin an answer.
 */
const CUT_OFF = /^Received message (larger than max|that decompresses to a size larger than) /;

/** Messages are bytes already. */
const bytes = (value: Buffer): Buffer => value;

/** A call that ran out of time before there was a connection went nowhere either. */
function isUnreachable(answer: Answer, client: Client): boolean {
  if (answer.code === 'UNAVAILABLE') return true;
  if (answer.code !== 'DEADLINE_EXCEEDED') return false;
  return client.getChannel().getConnectivityState(false) !== connectivityState.READY;
}

function notSent({ participant, timeoutMs }: ParticipantCall, passage: Exclude<Passage, 'enters'>): Outcome {
  switch (passage) {
    case 'full':
      return localFailure('unknown', 'OVERLOADED', `too many calls to ${participant} are in flight and waiting`);
    case 'late':
      return localFailure(
        'unknown',
        'OVERLOADED',
        `not sent: waited ${timeoutMs} ms behind other calls to ${participant}`,
      );
    case 'closed':
      return failure('UNAVAILABLE', 'not sent: this coordinator is stopping');
  }
}
