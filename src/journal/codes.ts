import type { BranchStatus, CancelReason, Mode, NewBranch, Phase, TransactionStatus, TryOrder } from '../engine/model';
import { TccError } from '../lib/errors';

/** The small numbers that stand for words in the rows. A number is never given another meaning; new words get new ones. */
class Codes<Word extends string> {
  private readonly words: ReadonlyMap<unknown, Word>;
  private readonly codes: Readonly<Record<Word, number>>;

  constructor(codes: Readonly<Record<Word, number>>) {
    this.codes = codes;
    this.words = new Map((Object.entries(codes) as [Word, number][]).map(([word, code]) => [code, word]));
  }

  of(word: Word): number {
    return this.codes[word];
  }

  word(code: unknown): Word {
    const word = this.words.get(code);
    if (word === undefined) throw new TccError('BROKEN_INVARIANT', `a row holds the unknown code ${String(code)}`);
    return word;
  }
}

export const transactionStatus = new Codes<TransactionStatus>({
  TRYING: 0,
  CONFIRMING: 1,
  CANCELLING: 2,
  CONFIRMED: 3,
  CANCELLED: 4,
});

export const branchStatus = new Codes<BranchStatus>({
  REGISTERED: 0,
  TRIED: 1,
  REFUSED: 2,
  UNKNOWN: 3,
  CONFIRMED: 4,
  CANCELLED: 5,
});

export const reasonCode = new Codes<CancelReason['code']>({ REFUSED: 1, TIMED_OUT: 2, UNREACHABLE: 3, ROLLED_BACK: 4 });

export const mode = new Codes<Mode>({ execute: 1, interactive: 2 });

export const tryOrder = new Codes<TryOrder>({ parallel: 1, sequential: 2 });

export const triedBy = new Codes<NewBranch['triedBy']>({ coordinator: 1, application: 2 });

export const phase = new Codes<Phase>({ try: 1, confirm: 2, cancel: 3 });
