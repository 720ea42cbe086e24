import type { Payload } from './model';

/** What the participant's fence found; shown in the timeline, never acted on. */
export type FenceOutcome = 'FRESH' | 'REPEAT' | 'EMPTY_ROLLBACK' | 'HANGING_REFUSED';

/**
 * What a participant's answer means, whatever carried it:
 * `done` it took effect; `refused` the participant's own word that it did not and will not; `unknown` nobody can say;
 * `never` it cannot work until somebody changes the set-up.
 */
export type Outcome =
  | { readonly kind: 'done'; readonly reply: Payload | undefined; readonly fence: FenceOutcome | undefined }
  | {
      readonly kind: FailureKind;
      readonly code: string;
      readonly message: string;
      /** What the fence found, where it was the fence that refused. */
      readonly fence?: FenceOutcome | undefined;
    };

export type FailureKind = 'refused' | 'unknown' | 'never';

export type Failure = Extract<Outcome, { readonly code: string }>;
