/** The participant server: serves Try, Confirm and Cancel of the actions that it is given, and keeps itself registered. */
export type {
  ActionHandlers,
  ActionOptions,
  BatchActionHandlers,
  BatchHandler,
  BatchOptions,
  PhaseHandler,
} from './actions';
export type { BranchCall } from './call';
export { createParticipant, Participant, type ParticipantOptions } from './participant';
export { CallExpired, Refused, type RefusalStatus } from '../fence/errors';
export { MalformedPayload } from '../fence/payload';
export { FenceResult } from '../fence/result';
export type { FenceCall, FenceOutcome, Phase } from '../fence/words';
