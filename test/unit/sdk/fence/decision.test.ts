import { decide, type Found, type Phase } from '../../../../src/sdk/fence';

/** The rules of I10: what each phase does about what it finds. */
const table: readonly [Phase, Found, string][] = [
  ['try', 'NEW', 'run FRESH'],
  ['try', 'TRIED', 'answer REPEAT'],
  ['try', 'CONFIRMED', 'answer REPEAT'],
  ['try', 'CANCELLED', 'refuse ABORTED HANGING_REFUSED'],
  ['try', 'MISSING', 'impossible'],
  ['confirm', 'NEW', 'run FRESH'],
  ['confirm', 'TRIED', 'impossible'],
  ['confirm', 'CONFIRMED', 'answer REPEAT'],
  ['confirm', 'CANCELLED', 'refuse FAILED_PRECONDITION'],
  ['confirm', 'MISSING', 'refuse FAILED_PRECONDITION'],
  ['cancel', 'NEW', 'answer EMPTY_ROLLBACK'],
  ['cancel', 'TRIED', 'run FRESH, then CANCELLED'],
  ['cancel', 'CONFIRMED', 'refuse FAILED_PRECONDITION'],
  ['cancel', 'CANCELLED', 'answer REPEAT'],
  ['cancel', 'MISSING', 'impossible'],
];

function inWords(phase: Phase, found: Found, cancelWithoutTry?: boolean): string {
  const decision = decide(phase, found, cancelWithoutTry);
  switch (decision.kind) {
    case 'run':
      return `run ${decision.outcome}${decision.thenCancelled ? ', then CANCELLED' : ''}`;
    case 'answer':
      return `answer ${decision.outcome}`;
    case 'refuse':
      return ['refuse', decision.status, decision.outcome].filter(Boolean).join(' ');
    case 'impossible':
      return 'impossible';
  }
}

test.each(table)('a %s that finds %s: %s', (phase, found, expected) => {
  expect(inWords(phase, found)).toBe(expected);
});

test.each(table)(
  'cancelWithoutTry changes nothing for a %s that finds %s but an empty rollback',
  (phase, found, expected) => {
    const changed = expected === 'answer EMPTY_ROLLBACK' ? 'run EMPTY_ROLLBACK' : expected;
    expect(inWords(phase, found, true)).toBe(changed);
  },
);
