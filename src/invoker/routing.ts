import type { Attachments } from './attachments';
import type { Caller, Invoker, ParticipantCall } from './invoker';

/** What is known of participants that are not attached. */
export interface Whereabouts {
  /** Whether the action is known, and no live instance has an address: then only a stream can carry its calls. */
  needsStream(participant: string, action: string): boolean;
}

/** An attached instance where there is one, else an address; else it waits a moment for an instance that is on its way back. */
export class RoutingInvoker implements Invoker {
  private readonly attachments: Pick<Attachments, 'call' | 'callOnReturn'>;
  private readonly unary: Invoker;
  private readonly whereabouts: Whereabouts;

  constructor(attachments: Pick<Attachments, 'call' | 'callOnReturn'>, unary: Invoker, whereabouts: Whereabouts) {
    this.attachments = attachments;
    this.unary = unary;
    this.whereabouts = whereabouts;
  }

  call(call: ParticipantCall, caller: Caller): void {
    if (this.attachments.call(call, caller)) return;
    if (this.isExpected(call) && this.attachments.callOnReturn(call, caller)) return;
    this.unary.call(call, caller);
  }

  private isExpected({ participant, action }: ParticipantCall): boolean {
    return this.whereabouts.needsStream(participant, action);
  }
}
