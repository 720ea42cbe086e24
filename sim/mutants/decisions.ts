import type { Mutant } from './mutant';

/** Bugs of the engine and the coordinator: what is decided, sent and said when. */
export const decisionMutants: readonly Mutant[] = [
  {
    name: 'reply before commit',
    bug: 'an application hears that its Try is done before the answer is durable',
    breaks: ['I8'],
    within: 100,
    patches: {
      'src/coordinator/interactive.ts': [
        [
          'const result = await this.deps.journal.append(step);\n    this.deps.time.seen(result.atMs);\n    if (result.kind',
          "void this.deps.journal.append(step).catch(() => undefined);\n    const result = { kind: 'applied', atMs: this.deps.time.now(), current: undefined };\n    if (result.kind",
        ],
      ],
    },
  },
  {
    name: 'call before commit',
    bug: 'what follows from a decision is done while the decision is on its way to the database',
    breaks: ['I3', 'I4', 'I8', 'C1'],
    within: 20,
    patches: {
      'src/coordinator/driver.ts': [
        [
          'this.deps.journal.submit(decision.step, this);',
          "this.deps.journal.submit(decision.step, { stepped: () => undefined, failed: () => undefined });\n        this.stepped(decision.step, { kind: 'applied', atMs: this.deps.time.now(), deadlineAt: undefined });",
        ],
      ],
    },
  },
  {
    name: 'unknown taken for failure',
    bug: 'a branch whose Try nobody answered counts as never tried, and gets no Cancel',
    breaks: ['I4', 'I7'],
    within: 40,
    patches: {
      'src/engine/trying.ts': [
        [
          "if (branch.status === 'REGISTERED') return",
          "if (branch.status === 'REGISTERED' || branch.status === 'UNKNOWN') return",
        ],
      ],
    },
  },
  {
    name: 'cancel before the decision',
    bug: 'Cancel is called as soon as a Try has failed, while the decision to cancel is still being made durable',
    breaks: ['I4'],
    within: 20,
    patches: {
      'src/coordinator/driver.ts': [
        [
          '        this.stepping = true;\n',
          "        this.stepping = true;\n        if (decision.step.kind === 'decide' && decision.step.to === 'CANCELLING')\n          for (const branch of this.transaction.branches) this.call({ kind: 'call', branch, phase: 'cancel', attempt: 1, delayMs: 0 });\n",
        ],
      ],
    },
  },
  {
    name: 'confirm after a Try without an answer',
    bug: 'a Try that was never answered counts as done',
    breaks: ['I3'],
    within: 40,
    patches: { 'src/engine/trying.ts': [["if (outcome.kind === 'done') {", "if (outcome.kind !== 'refused') {"]] },
  },
  {
    name: 'Try behind the decision',
    bug: 'a Try that waits for its turn is sent although the decision was put to the journal meanwhile',
    breaks: ['C1'],
    within: 60,
    patches: {
      'src/coordinator/driver.ts': [
        ['is begun afresh when it is not (C1).\n        this.stopTimers();', 'is begun afresh when it is not (C1).\n'],
      ],
    },
  },
  {
    name: 'retry forgets a branch',
    bug: 'a branch that has failed twice is left out of further rounds',
    breaks: ['I7'],
    within: 40,
    patches: {
      'src/engine/driving.ts': [
        [
          'if (branch.status === stage.done) return done;',
          'if (branch.status === stage.done || branch.attempts >= 2) return done;',
        ],
      ],
    },
  },
  {
    name: 'finished by the first',
    bug: 'a transaction is finished when one branch has acknowledged',
    breaks: ['I7'],
    within: 20,
    patches: {
      'src/engine/driving.ts': [
        ["next.calls.every((each) => each.kind === 'done')", "next.calls.some((each) => each.kind === 'done')"],
      ],
    },
  },
  {
    name: 'no epoch guard',
    bug: 'a branch counts as never tried although another coordinator has had the transaction since',
    breaks: ['I4', 'I7'],
    within: 400,
    patches: { 'src/engine/trying.ts': [['epoch: skips ? transaction.epoch : undefined', 'epoch: undefined']] },
  },
  {
    name: 'parked without a refusal',
    bug: 'a transaction is parked because a participant cannot be reached',
    breaks: ['I7'],
    within: 60,
    patches: {
      'src/engine/driving.ts': [
        [
          'return refused && branch.refusals >= context.rules.parkAfterRefusals;',
          "return call?.kind === 'failed' && branch.attempts >= context.rules.parkAfterRefusals;",
        ],
      ],
    },
  },
  {
    name: 'parked by an old view',
    bug: 'a coordinator parks a transaction of which another one has ended a round meanwhile',
    breaks: ['I7'],
    within: 400,
    patches: {
      // In a twentieth of all worlds this is met within a thousand seeds.
      'sim/settings.ts': [['isCrowded: chance.happens(0.05)', 'isCrowded: true']],
      'src/engine/driving.ts': [['afterRounds: parked ? transaction.rounds : undefined', 'afterRounds: undefined']],
    },
  },
  {
    name: 'watcher let go at the decision',
    bug: 'a watcher is not shown the end of its transaction',
    breaks: ['I7'],
    within: 20,
    patches: {
      'src/coordinator/watch.ts': [
        ['while (!isTerminal(shown.state.status) &&', "while (shown.state.status === 'TRYING' &&"],
      ],
    },
  },
  {
    name: 'timer after the release',
    bug: 'the timer of the deadlines runs on when nothing is in hand any more',
    breaks: ['I13'],
    within: 150,
    patches: {
      'src/coordinator/hand.ts': [['if (this.drivers.size === 0) this.deadlines.clear();', '']],
    },
  },
  {
    name: 'scanner without a place',
    bug: 'what the scanner has carried on never gives its place back',
    breaks: ['I11'],
    within: 150,
    patches: {
      'src/recovery/recovery.ts': [
        ['const RESUMED_AT_ONCE = 2_000;', 'const RESUMED_AT_ONCE = 6;'],
        ['.finally(() => this.letGo());', ';'],
      ],
    },
  },
];
