import type { Mutant } from './mutant';

/** Bugs of the fence, of the calls' carriers, and of the client. */
export const carrierMutants: readonly Mutant[] = [
  {
    name: 'fence order swapped',
    bug: 'the business code of a Try runs before the fence has looked',
    breaks: ['I10'],
    within: 40,
    patches: {
      'src/sdk/fence/fence.ts': [
        [
          'const { found, reply: stored } = await this.rows.enter(executor, call.phase, call);',
          "const early = call.phase === 'try' ? await work('FRESH') : undefined;\n    const { found, reply: stored } = await this.rows.enter(executor, call.phase, call);",
        ],
        [
          'const reply = await work(decision.outcome);',
          "const reply = call.phase === 'try' ? early : await work(decision.outcome);",
        ],
      ],
    },
  },
  {
    name: 'batch runs a repeat again',
    bug: 'the batch fence takes a repeated Confirm or Cancel for a fresh one',
    breaks: ['I10'],
    within: 60,
    patches: {
      'src/sdk/fence/batch-run.ts': [
        [
          "case 'answer':\n",
          "case 'answer':\n        if (decision.outcome === 'REPEAT' && this.phase !== 'try') return { kind: 'run', outcome: 'FRESH', thenCancelled: false };\n",
        ],
      ],
    },
  },
  {
    name: 'hanging Try let through',
    bug: 'a Try that comes after its Cancel takes effect',
    breaks: ['I10', 'I7'],
    within: 60,
    patches: {
      'src/sdk/fence/decision.ts': [['CONFIRMED: repeat, CANCELLED: hanging', 'CONFIRMED: repeat, CANCELLED: run']],
    },
  },
  {
    name: 'fence purged too early',
    bug: 'a purge of the fence does not look how old a row is',
    breaks: ['I12', 'I10', 'I7'],
    within: 40,
    patches: {
      'src/sdk/fence/purge.ts': [
        ['[olderThanMs, from.gid', '[-1, from.gid'],
        ['cursor.branchId, olderThanMs]', 'cursor.branchId, -1]'],
      ],
    },
  },
  {
    name: 'broken stream taken for a refusal',
    bug: 'calls that were out on a stream when it broke count as refused',
    breaks: ['I9'],
    within: 40,
    patches: {
      'src/invoker/attachment.ts': [["const lost = failure('UNAVAILABLE',", "const lost = failure('ABORTED',"]],
    },
  },
  {
    name: 'silence taken for an OK',
    bug: 'a Confirm or Cancel that was not answered in its time counts as done',
    breaks: ['I9'],
    within: 40,
    patches: {
      'src/invoker/attachment.ts': [
        [
          "failure('DEADLINE_EXCEEDED', `no answer in",
          "asked.phase !== 'try' ? { kind: 'done', reply: undefined, fence: undefined } : failure('DEADLINE_EXCEEDED', `no answer in",
        ],
      ],
    },
  },
  {
    name: 'unary silence taken for an OK',
    bug: 'a unary call that was not answered in its time counts as done',
    breaks: ['I9'],
    within: 100,
    patches: {
      'src/invoker/unary.ts': [
        ['if (error !== null) {', "if (error !== null && endOf(error).status !== 'DEADLINE_EXCEEDED') {"],
      ],
    },
  },
  {
    name: 'coordinators kept to themselves',
    bug: 'a coordinator tells nobody when it gets to know another one',
    breaks: ['I11'],
    within: 60,
    patches: { 'src/recovery/peers.ts': [['this.deps.changed(addresses);', '']] },
  },
  {
    name: 'gate without a way out',
    bug: 'a unary call that has failed keeps its place among those in flight',
    breaks: ['I11'],
    within: 300,
    patches: {
      'src/invoker/unary.ts': [
        [
          "      if (outcome.kind !== 'done') this.logFailure(",
          "      if (outcome.kind !== 'done') this.gate.enter(call.participant, 1e9);\n      if (outcome.kind !== 'done') this.logFailure(",
        ],
      ],
    },
  },
  {
    name: 'retry with another gid',
    bug: 'the client makes a new gid for each attempt',
    breaks: ['I1'],
    within: 20,
    patches: {
      'src/sdk/client/client.ts': [
        [
          'const gid = this.gidOf(options);\n    const timeoutMs = checkedTimeoutMs(options.timeoutMs ?? this.timeoutMs);\n    const branches',
          'let attempts = 0;\n    const gid = this.gidOf(options);\n    const timeoutMs = checkedTimeoutMs(options.timeoutMs ?? this.timeoutMs);\n    const branches',
        ],
        [
          'request: (leftMs) => ({\n          gid,',
          'request: (leftMs) => ({\n          gid: (attempts += 1) === 1 ? gid : `${gid}-${attempts}`,',
        ],
      ],
    },
  },
];
