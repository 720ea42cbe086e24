import { carrierMutants } from './carriers';
import { decisionMutants } from './decisions';
import { journalMutants } from './journals';
import type { Mutant } from './mutant';

export const mutants: readonly Mutant[] = [...decisionMutants, ...journalMutants, ...carrierMutants];
