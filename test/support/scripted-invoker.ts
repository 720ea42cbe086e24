import type { Clock } from '../../src/lib/clock';
import { TccError } from '../../src/lib/errors';
import type { Payload, Phase } from '../../src/engine/model';
import type { FailureKind, FenceOutcome, Outcome } from '../../src/engine/outcome';
import type { ActionPolicy, Caller, Directory, Invoker, ParticipantCall } from '../../src/invoker/invoker';

/** `hang`: no answer until the call's time is over, then unknown. */
export type Answer = Outcome | 'hang' | ((call: ParticipantCall) => Outcome | Promise<Outcome>);

export function ok(reply?: string, fence?: FenceOutcome): Outcome {
  return { kind: 'done', reply: reply === undefined ? undefined : text(reply), fence };
}

export function fails(kind: FailureKind, code: string, message = ''): Outcome {
  return { kind, code, message };
}

export const refused = (message = 'no stock'): Outcome => fails('refused', 'ABORTED', message);
export const unavailable = (): Outcome => fails('unknown', 'UNAVAILABLE', 'connection refused');
export const unimplemented = (): Outcome => fails('never', 'UNIMPLEMENTED', 'no such method');

export function text(value: string): Payload {
  return { data: Buffer.from(value), contentType: 'text/plain' };
}

/** Participants that answer as a test says, and remember every call. */
export class ScriptedInvoker implements Invoker {
  readonly calls: ParticipantCall[] = [];
  /** Calls without an answer yet. */
  inFlight = 0;
  /** Looks at each call as it is made. */
  onCall: (call: ParticipantCall) => void = () => undefined;
  private readonly clock: Clock;
  private readonly scripts = new Map<string, Answer[]>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** What `participant` answers in `phase`, call by call; the last answer stays. Without a script every call is done. */
  script(participant: string, phase: Phase, ...answers: Answer[]): this {
    this.scripts.set(`${participant} ${phase}`, answers);
    return this;
  }

  call(call: ParticipantCall, caller: Caller): void {
    this.calls.push(call);
    this.onCall(call);
    this.inFlight += 1;
    void Promise.resolve(this.answer(call)).then((outcome) => {
      this.inFlight -= 1;
      caller.answered(call, outcome);
    });
  }

  /** The calls so far, as `phase participant`, in order. */
  get log(): readonly string[] {
    return this.calls.map(({ phase, participant }) => `${phase} ${participant}`);
  }

  count(participant: string, phase: Phase): number {
    return this.calls.filter((call) => call.participant === participant && call.phase === phase).length;
  }

  private answer(call: ParticipantCall): Outcome | Promise<Outcome> {
    const script = this.scripts.get(`${call.participant} ${call.phase}`) ?? [];
    const answer = script.length > 1 ? script.shift() : script[0];
    if (answer === undefined) return ok();
    if (answer === 'hang') return this.hang(call);
    return typeof answer === 'function' ? answer(call) : answer;
  }

  private hang({ timeoutMs }: ParticipantCall): Promise<Outcome> {
    return new Promise((resolve) => {
      this.clock.startTimer(timeoutMs, () => resolve(fails('unknown', 'DEADLINE_EXCEEDED')));
    });
  }
}

/** Knows every participant but those named `unknown…`. */
export class OpenDirectory implements Directory {
  policy: ActionPolicy;

  constructor(policy: ActionPolicy = { callTimeoutMs: 3_000, tryAttempts: 3 }) {
    this.policy = policy;
  }

  action(participant: string, action: string): Promise<ActionPolicy> {
    if (participant.startsWith('unknown')) {
      return Promise.reject(new TccError('UNKNOWN_PARTICIPANT', `no participant ${participant}`));
    }
    if (action.startsWith('unknown')) return Promise.reject(new TccError('UNKNOWN_ACTION', `no action ${action}`));
    return Promise.resolve(this.policy);
  }

  policyOf(): ActionPolicy {
    return this.policy;
  }
}
