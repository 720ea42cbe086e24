import type { Mutant } from './mutant';

/** Bugs of the journal: its compare-and-sets, its locks, its batches, and what it makes of a lost reply. */
export const journalMutants: readonly Mutant[] = [
  {
    name: 'no compare-and-set on the decision',
    bug: 'a decision is written whatever the row says by then',
    breaks: ['I1'],
    within: 40,
    patches: {
      'src/journal/statements.ts': [[' AND status = ${TRYING} AND branch_count = ?', ' AND branch_count = ?']],
    },
  },
  {
    name: 'no compare-and-set on the finish',
    bug: 'a transaction is finished whatever the row says by then',
    breaks: ['I1'],
    within: 60,
    patches: {
      'src/journal/statements.ts': [
        [
          'WHERE gid IN (${list(gids)}) AND status = ?`,\n    values: [to, retentionMs, ...gids, from]',
          'WHERE gid IN (${list(gids)})`,\n    values: [to, retentionMs, ...gids]',
        ],
      ],
    },
  },
  {
    name: 'registration without the lock',
    bug: 'a branch is registered by what the row said before the decision',
    breaks: ['I5', 'J3'],
    within: 400,
    patches: {
      'src/journal/statements.ts': [
        [
          'FROM tcc_transactions WHERE gid IN (${list(gids)})${dialect.forUpdate}',
          'FROM tcc_transactions WHERE gid IN (${list(gids)})',
        ],
      ],
    },
  },
  {
    name: 'branches not counted',
    bug: 'a decision does not look whether a branch was registered since it was considered',
    breaks: ['I3', 'I5', 'I7'],
    within: 400,
    patches: { 'src/journal/statements.ts': [['AND branch_count = ?$', 'AND branch_count >= ?$']] },
  },
  {
    name: 'deadline ignored',
    bug: 'a decision to confirm is taken however late it is',
    breaks: ['I6'],
    within: 150,
    patches: { 'src/journal/statements.ts': [['{ open: ` AND deadline_at > ${now}`,', '{ open: ``,']] },
  },
  {
    name: 'lost reply taken for a failure',
    bug: 'a commit whose reply was lost counts as not done',
    breaks: ['J3', 'I9'],
    within: 40,
    patches: {
      'src/journal/retry.ts': [
        [
          "mayBeDone ||= error.kind === 'unknown';",
          "if (error.kind === 'unknown') throw new TccError('BROKEN_INVARIANT', 'the commit failed', { cause: error });",
        ],
      ],
    },
  },
  {
    name: 'lost reply taken for a success',
    bug: 'a commit whose reply was lost counts as done',
    breaks: ['J1', 'I8', 'I3', 'I4', 'I2', 'I7'],
    within: 60,
    patches: {
      'src/journal/store.ts': [
        [
          'const written = await this.database.script(lines.map(({ statement }) => statement));',
          "const written = await this.database.script(lines.map(({ statement }) => statement)).catch((error) => {\n      if (error.kind !== 'unknown') throw error;\n      return undefined;\n    });",
        ],
        [
          'const results = new BatchResults();\n    for (const [index',
          'const results = new BatchResults();\n    if (written === undefined) results.changed = (gids, _, atMs) => gids.forEach((gid) => results.applied(gid, atMs));\n    for (const [index',
        ],
        ['note(written[index] ??', 'note(written?.[index] ??'],
      ],
    },
  },
  {
    name: 'two steps of one gid in a batch',
    bug: 'a step does not wait for the step of the same transaction before it',
    breaks: ['J1', 'J2', 'I11'],
    within: 60,
    patches: {
      'src/journal/batcher.ts': [
        ['if (before !== undefined) {\n      before.next', 'if ((before as unknown) === null) {\n      before!.next'],
      ],
    },
  },
  {
    name: 'lease taken for ownership',
    bug: 'a coordinator renews the lease of what another one has taken since',
    breaks: ['I11'],
    within: 60,
    patches: {
      'src/journal/read-statements.ts': [
        [' AND worker = ?`,\n    values: [leaseMs, ...gids, worker]', '`,\n    values: [leaseMs, ...gids]'],
      ],
    },
  },
  {
    name: 'parked without an operator',
    bug: 'what is parked stays due, and goes on by itself',
    breaks: ['I7'],
    within: 200,
    patches: {
      'src/journal/statements.ts': [["due === 'parked' ? 'NULL' : due === 'deadline' ?", "typeof due === 'string' ?"]],
    },
  },
  {
    name: 'journal purged too early',
    bug: 'a finished transaction is not kept',
    breaks: ['I12'],
    within: 20,
    patches: {
      'src/journal/script.ts': [
        ['sql.finish(dialect, from, to, retentionMs, gids)', 'sql.finish(dialect, from, to, 0, gids)'],
      ],
    },
  },
];
