import { Metadata, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';

import type { Clock } from '../../lib/clock';
import { asBuffer } from '../../wire/attach';
import type { BranchCall__Output } from '../../wire/generated/tcc/v1/BranchCall';
import type { BranchReply } from '../../wire/generated/tcc/v1/BranchReply';
import type { ParticipantServiceHandlers } from '../../wire/generated/tcc/v1/ParticipantService';
import type { Phase } from '../fence/words';
import type { Answer } from './answer';
import type { CallHandler } from './call-handler';

/** The trailer that says what the fence found when it refused; an OK has it in the reply. */
export const FENCE_TRAILER = 'tcc-fence';

interface UnaryRequest {
  readonly call: BranchCall__Output | null;
}

/** Carries tcc.v1.ParticipantService's unary calls to the handler and its answers back. */
export function unaryService(handler: CallHandler, clock: Clock): ParticipantServiceHandlers {
  const serve =
    (phase: Phase) =>
    (call: ServerUnaryCall<UnaryRequest, unknown>, callback: sendUnaryData<{ reply: BranchReply }>): void => {
      const limits = {
        limitMs: untilDeadline(call.getDeadline(), clock),
        onGone: (gone: () => void) => {
          call.once('cancelled', gone);
        },
      };
      void handler.handle(phase, call.request.call, limits).then((answer) => reply(answer, callback));
    };
  return { Try: serve('try'), Confirm: serve('confirm'), Cancel: serve('cancel') };
}

function reply(answer: Answer, callback: sendUnaryData<{ reply: BranchReply }>): void {
  if (answer.kind === 'done') {
    const { payload = null, fence } = answer;
    callback(null, {
      reply: {
        payload: payload && { ...payload, data: asBuffer(payload.data) },
        fence: `FENCE_OUTCOME_${fence ?? 'UNSPECIFIED'}`,
      },
    });
    return;
  }
  const metadata = new Metadata();
  if (answer.fence !== undefined) metadata.set(FENCE_TRAILER, answer.fence);
  callback({ code: status[answer.status], details: answer.message, metadata });
}

/** gRPC sends a timeout, which grpc-js has turned into a moment of this machine's clock: Infinity when there was none. */
function untilDeadline(deadline: Date | number, clock: Clock): number {
  return Math.max(0, Number(deadline) - clock.wallMs());
}
