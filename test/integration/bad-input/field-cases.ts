/**
 * What each field of each request may hold and what not. The tests walk the proto descriptors and look each field up here: a new field
 * without a rule fails them, and so does a rule without a field.
 */
import { limits } from './house';
import type { Message } from './messages';

/** Values that must be refused with this field's path, and values that must not. */
export interface Rule {
  readonly bad: readonly unknown[];
  readonly good: readonly unknown[];
}

const NUL = String.fromCharCode(0);
const UINT32 = 2 ** 32 - 1;
const strangeTexts = [`a${NUL}b`, 'a b', 'a/b', "a'b", 'a\n', 'ä', '\u{1f600}', '\ud800', '../a', '%00'];
/** Words that an object of JavaScript has already; as ids they are as good as any. */
const objectWords = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];

const id: Rule = {
  bad: ['', 'x'.repeat(65), 'x'.repeat(10_000), ...strangeTexts],
  good: ['x'.repeat(64), ...objectWords, 'A.b_c:-9'],
};
const idOrEmpty: Rule = { bad: id.bad.filter((value) => value !== ''), good: ['', ...id.good] };
const contentType: Rule = {
  bad: ['x'.repeat(65), `a${NUL}`, 'a\nb', 'ä'],
  good: ['', 'x'.repeat(64), 'text/plain; charset=utf-8'],
};
const payload: Rule = {
  bad: [Buffer.alloc(limits.payloadBytes + 1), Buffer.alloc(limits.payloadBytes * 8)],
  good: [Buffer.alloc(0), Buffer.alloc(limits.payloadBytes), Buffer.from([0, 255, 0])],
};
const address: Rule = {
  bad: [
    '',
    'host',
    'host:',
    ':1',
    'host:0',
    'host:65536',
    'host:-1',
    'http://host:1',
    'host:1/x',
    'unix:/tmp/x',
    `h${NUL}:1`,
    `${'h'.repeat(254)}:1`,
  ],
  good: ['host:1', '10.0.0.1:65535', '[::1]:9000'],
};
const addressOrEmpty: Rule = { bad: address.bad.filter((value) => value !== ''), good: ['', ...address.good] };
const method: Rule = {
  bad: ['', 'a.B/C', '/a.B', '/a.B/', '//', '/a.B/C/D', '/a b/C', `/a.B/${NUL}`, `/a.B/${'C'.repeat(256)}`],
  good: ['/a.B/C', '/B/C', '/__proto__/constructor'],
};
const sentence: Rule = {
  bad: ['x'.repeat(513), `a${NUL}b`, '\u001b[31m'],
  good: ['', 'x'.repeat(512), 'a\nb', 'ä', '\u{1f600}', '__proto__'],
};
const flag: Rule = { bad: [], good: [false, true] };
const present: Rule = { bad: [], good: [{}] };

/** A number that is 0 for its default. */
function countOrZero(least: number, most: number): Rule {
  return {
    bad: [...(least > 1 ? [1, least - 1] : []), ...(most < UINT32 ? [most + 1, UINT32] : [])],
    good: [0, least, most],
  };
}

function choice(...known: readonly number[]): Rule {
  return { bad: [Math.max(...known) + 1, 99, -1, 2 ** 31 - 1, -(2 ** 31)], good: known };
}

/** Elements of a list are `element(index)`. */
function list(least: number, most: number, element: (index: number) => Message): Rule {
  const of = (length: number) => Array.from({ length }, (_, index) => element(index));
  return { bad: [...(least > 0 ? [[]] : []), of(most + 1), of(most * 8)], good: [of(least), of(most)] };
}

/** Has no rule of its own: what is in it is checked field by field, or another test sends it. */
const elsewhere: Rule = { bad: [], good: [] };

const branch = (index: number): Message => ({ branch_id: `b-${index}`, participant: 'nobody', action: 'act' });
const action = (index: number): Message => ({ name: `a-${index}` });
const MOST_ACTIONS = 64;

export const rules: Readonly<Record<string, Rule>> = {
  'ExecuteRequest.gid': idOrEmpty,
  'ExecuteRequest.name': idOrEmpty,
  'ExecuteRequest.branches': list(1, limits.branches, branch),
  'ExecuteRequest.try_order': choice(0, 1, 2),
  'ExecuteRequest.wait': choice(0, 1, 2, 3),
  'ExecuteRequest.timeout_ms': countOrZero(1, limits.timeoutMs),
  'NewBranch.branch_id': id,
  'NewBranch.participant': id,
  'NewBranch.action': id,
  'NewBranch.payload': present,
  'Payload.data': payload,
  'Payload.content_type': contentType,
  'BeginRequest.gid': idOrEmpty,
  'BeginRequest.name': idOrEmpty,
  'BeginRequest.timeout_ms': countOrZero(1, limits.timeoutMs),
  'TransactionServiceTryRequest.gid': id,
  'TransactionServiceTryRequest.branch': { bad: [undefined], good: [branch(0)] },
  'RegisterBranchRequest.gid': id,
  'RegisterBranchRequest.branch': { bad: [undefined], good: [branch(0)] },
  'CommitRequest.gid': id,
  'CommitRequest.wait': choice(0, 1, 2, 3),
  'RollbackRequest.gid': id,
  'RollbackRequest.wait': choice(0, 1, 2, 3),
  'RollbackRequest.reason': sentence,
  'GetRequest.gid': id,
  'WatchRequest.gid': id,
  'GetTransactionRequest.gid': id,
  'RetryTransactionRequest.gid': id,
  'ListTransactionsRequest.statuses': {
    bad: [[99], [-1], [1, 2, 99], Array<number>(17).fill(1), Array<number>(3_000).fill(1)],
    good: [[], [0], [1, 2, 3, 4, 5], [1, 1]],
  },
  'ListTransactionsRequest.name': idOrEmpty,
  'ListTransactionsRequest.participant': idOrEmpty,
  'ListTransactionsRequest.older_than_ms': {
    bad: [-1, '9223372036854775807', '-9223372036854775808', '9007199254740992'],
    good: [0, 1, '9007199254740991'],
  },
  'ListTransactionsRequest.parked': flag,
  'ListTransactionsRequest.page_size': countOrZero(1, 1_000),
  'ListTransactionsRequest.page_token': {
    bad: [
      'x',
      'x'.repeat(100_000),
      '__proto__',
      NUL,
      Buffer.from('["a","b"]').toString('base64url'),
      Buffer.from('{}').toString('base64url'),
    ],
    good: [''],
  },
  'ListTransactionsRequest.gid_prefix': idOrEmpty,
  'ListTransactionsRequest.min_rounds': { bad: [], good: [0, 1, UINT32] },
  'RegisterRequest.participant': id,
  'RegisterRequest.instance_id': id,
  'RegisterRequest.address': address,
  'RegisterRequest.actions': list(1, MOST_ACTIONS, action),
  'RegisterRequest.lifetime_ms': countOrZero(1_000, 3_600_000),
  'DeregisterRequest.participant': id,
  'DeregisterRequest.instance_id': id,
  'Action.name': id,
  'Action.methods': elsewhere,
  'Action.call_timeout_ms': countOrZero(1, limits.timeoutMs),
  'Action.try_attempts': countOrZero(1, 100),
  'NativeMethods.try': method,
  'NativeMethods.confirm': method,
  'NativeMethods.cancel': method,
  'AttachRequest.hello': elsewhere,
  'AttachRequest.replies': elsewhere,
  'AttachRequest.goodbye': elsewhere,
  'AttachHello.participant': id,
  'AttachHello.instance_id': id,
  'AttachHello.actions': list(1, MOST_ACTIONS, action),
  'AttachHello.max_calls_in_flight': countOrZero(1, 100_000),
  'AttachHello.max_bytes_in_flight': countOrZero(1_048_576, 1_073_741_824),
  'AttachHello.address': addressOrEmpty,
  // attach.test.ts: a reply may be anything and harms its own call at most.
  'ReplyFrame.entries': elsewhere,
  'ReplyEntry.id': elsewhere,
  'ReplyEntry.reply': elsewhere,
  'ReplyEntry.failure': elsewhere,
  'BranchReply.payload': elsewhere,
  'BranchReply.fence': elsewhere,
  'CallFailure.code': elsewhere,
  'CallFailure.message': elsewhere,
  'CallFailure.fence': elsewhere,
  // execute-stream.test.ts; the requests in the entries are those of the unary calls.
  'ExecuteStreamRequest.entries': elsewhere,
  'ExecuteStreamCall.id': elsewhere,
  'ExecuteStreamCall.timeout_ms': elsewhere,
  'ExecuteStreamCall.execute': elsewhere,
  'ExecuteStreamCall.begin': elsewhere,
  'ExecuteStreamCall.try': elsewhere,
  'ExecuteStreamCall.register_branch': elsewhere,
  'ExecuteStreamCall.commit': elsewhere,
  'ExecuteStreamCall.rollback': elsewhere,
  'ExecuteStreamCall.abandon': elsewhere,
};

const methods = { try: '/a.B/C', confirm: '/a.B/D', cancel: '/a.B/E' };

/** A request of each kind with nothing wrong in its form. None of them would write a row: what they name is not there. */
export const goodRequests: Readonly<Record<string, Message>> = {
  ExecuteRequest: { gid: 'bad-1', branches: [branch(0)] },
  BeginRequest: { gid: 'bad-1' },
  TransactionServiceTryRequest: { gid: 'bad-1', branch: branch(0) },
  RegisterBranchRequest: { gid: 'bad-1', branch: branch(0) },
  CommitRequest: { gid: 'bad-1' },
  RollbackRequest: { gid: 'bad-1' },
  GetRequest: { gid: 'bad-1' },
  WatchRequest: { gid: 'bad-1' },
  GetTransactionRequest: { gid: 'bad-1' },
  RetryTransactionRequest: { gid: 'bad-1' },
  ListTransactionsRequest: {},
  ListParticipantsRequest: {},
  RegisterRequest: { participant: 'bad', instance_id: 'bad-1', address: 'host:1', actions: [{ name: 'act', methods }] },
  DeregisterRequest: { participant: 'bad', instance_id: 'bad-1' },
  AttachRequest: { hello: { participant: 'bad', instance_id: 'bad-1', actions: [{ name: 'act' }] } },
  ExecuteStreamRequest: { entries: [] },
};

/** The requests that an entry of ExecuteStream may hold, by their field there. */
export const entryKinds: Readonly<Record<string, string>> = {
  execute: 'ExecuteRequest',
  begin: 'BeginRequest',
  try: 'TransactionServiceTryRequest',
  register_branch: 'RegisterBranchRequest',
  commit: 'CommitRequest',
  rollback: 'RollbackRequest',
};
