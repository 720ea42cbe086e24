import fc from 'fast-check';

/** Arbitrary messages of the streams, every field set, as protobufjs takes them and as the codecs return them. */

/** Texts around every bound: empty, one byte a character and more, shorter and longer than what a loop writes or a cache keeps. */
export const text = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom(
    '',
    'é'.repeat(42),
    'é'.repeat(43),
    '€'.repeat(42),
    'x'.repeat(127),
    'x'.repeat(128),
    '😀'.repeat(100),
  ),
);
export const uint32 = fc.oneof(fc.constantFrom(0, 1, 127, 128, 2 ** 31, 2 ** 32 - 1), fc.nat());
const enumeration = fc.oneof(fc.nat({ max: 6 }), fc.integer());
const time = fc.oneof(
  fc.constantFrom(0, 1, 127, 128, 2 ** 32, 2 ** 35 - 1, 2 ** 35, Number.MAX_SAFE_INTEGER, -1, -(2 ** 40)),
  fc.maxSafeInteger(),
);
const data = fc
  .oneof(fc.uint8Array({ maxLength: 200 }), fc.constant(new Uint8Array(300).fill(7)))
  .map((bytes) => Buffer.from(bytes));

const payload = fc.record({ data, contentType: text });
const payloadOrNone = fc.option(payload, { nil: null });

const newBranch = fc.record({ branchId: text, participant: text, action: text, payload: payloadOrNone });
const newBranches = fc.array(newBranch, { maxLength: 4 });
const addBranch = fc.record({ gid: text, branch: fc.option(newBranch, { nil: null }) });

export const requests = {
  execute: fc.record({
    gid: text,
    name: text,
    branches: newBranches,
    tryOrder: enumeration,
    wait: enumeration,
    timeoutMs: uint32,
  }),
  begin: fc.record({ gid: text, name: text, timeoutMs: uint32 }),
  try: addBranch,
  registerBranch: addBranch,
  commit: fc.record({ gid: text, wait: enumeration, reason: fc.constant('') }),
  rollback: fc.record({ gid: text, wait: enumeration, reason: text }),
};

const branch = fc.record({
  branchId: text,
  participant: text,
  action: text,
  status: enumeration,
  tryReply: payloadOrNone,
  attempts: uint32,
  lastError: text,
  registeredAtMs: time,
  triedAtMs: time,
  finishedAtMs: time,
});
const reasonOrNone = fc.option(fc.record({ code: enumeration, branchId: text, message: text }), { nil: null });
const transaction = fc.record({
  gid: text,
  name: text,
  status: enumeration,
  parked: fc.boolean(),
  cancelReason: reasonOrNone,
  branches: fc.array(branch, { maxLength: 4 }),
  createdAtMs: time,
  deadlineAtMs: time,
  decidedAtMs: time,
  finishedAtMs: time,
  dueAtMs: time,
  rounds: uint32,
});
const transactionResponse = fc.record({ transaction: fc.option(transaction, { nil: null }) });
const branchOrNone = fc.option(branch, { nil: null });

export const responses = {
  execute: transactionResponse,
  begin: transactionResponse,
  try: fc.record({ branch: branchOrNone, transactionStatus: enumeration, cancelReason: reasonOrNone }),
  registerBranch: fc.record({ branch: branchOrNone }),
  commit: transactionResponse,
  rollback: transactionResponse,
};

export const failure = fc.record({ code: uint32, message: text, details: data });

export const callEntry = fc.record({
  id: uint32,
  phase: enumeration,
  call: fc.option(
    fc.record({
      gid: text,
      branchId: text,
      action: text,
      attempt: uint32,
      remainingMs: uint32,
      payload: payloadOrNone,
    }),
    { nil: null },
  ),
});
export const replyEntry = fc.oneof(
  fc.record({
    id: uint32,
    reply: fc.record({ payload: payloadOrNone, fence: enumeration }),
    failure: fc.constant(null),
  }),
  fc.record({
    id: uint32,
    reply: fc.constant(null),
    failure: fc.record({ code: uint32, message: text, fence: enumeration }),
  }),
  fc.record({ id: uint32, reply: fc.constant(null), failure: fc.constant(null) }),
);

/** The message without what has its default, as canonical encoders send it; messages within it stay, also empty ones. */
export function sparse(message: object): object {
  const fields = Object.entries(message).flatMap(([name, value]: [string, unknown]) => {
    if (value === null || value === undefined || value === '' || value === 0 || value === false) return [];
    if (value instanceof Uint8Array) return value.length === 0 ? [] : [[name, value] as const];
    if (Array.isArray(value)) return [[name, value.map((item: object) => sparse(item))] as const];
    return [[name, typeof value === 'object' ? sparse(value) : value] as const];
  });
  return Object.fromEntries(fields);
}
