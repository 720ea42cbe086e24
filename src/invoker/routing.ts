import type { Outcome } from '../engine/outcome';
import type { Attachments } from './attachments';
import type { Invoker, ParticipantCall } from './invoker';

/** An attached instance where there is one, else an address. */
export class RoutingInvoker implements Invoker {
  private readonly attachments: Pick<Attachments, 'call'>;
  private readonly unary: Invoker;

  constructor(attachments: Pick<Attachments, 'call'>, unary: Invoker) {
    this.attachments = attachments;
    this.unary = unary;
  }

  call(call: ParticipantCall): Promise<Outcome> {
    return this.attachments.call(call) ?? this.unary.call(call);
  }
}
