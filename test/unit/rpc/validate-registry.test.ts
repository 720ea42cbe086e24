import { readDeregister, readRegister } from '../../../src/rpc/validate-registry';
import type { Action__Output } from '../../../src/wire/generated/tcc/v1/Action';
import type { RegisterRequest__Output } from '../../../src/wire/generated/tcc/v1/RegisterRequest';
import { fieldsOf, limits, registerRequest, violationsOf } from './requests';

const register = (changes: Partial<RegisterRequest__Output>) => () => readRegister(registerRequest(changes), limits);
const action = (changes: Partial<Action__Output> = {}): Action__Output => ({
  name: 'deduct',
  methods: null,
  callTimeoutMs: 0,
  tryAttempts: 0,
  ...changes,
});
const oneAction = (changes: Partial<Action__Output>) => register({ actions: [action(changes)] });
const actions = (count: number) => Array.from({ length: count }, (_, index) => action({ name: `action-${index}` }));
const methods = { try: '/stock.v1.Stock/Reserve', confirm: '/stock.v1.Stock/Use', cancel: '/Stock/Release' };

test.each<[string, () => unknown, string[]]>([
  ['an empty participant', register({ participant: '' }), ['participant']],
  ['an instance id with a slash', register({ instanceId: 'a/b' }), ['instance_id']],
  ['no action', register({ actions: [] }), ['actions']],
  ['65 actions', register({ actions: actions(65) }), ['actions']],
  ['an action without a name', oneAction({ name: '' }), ['actions[0].name']],
  ['a call timeout beyond the limit', oneAction({ callTimeoutMs: 60_001 }), ['actions[0].call_timeout_ms']],
  ['101 Try attempts', oneAction({ tryAttempts: 101 }), ['actions[0].try_attempts']],
  ['a lifetime of 999 ms', register({ lifetimeMs: 999 }), ['lifetime_ms']],
  ['a lifetime of more than an hour', register({ lifetimeMs: 3_600_001 }), ['lifetime_ms']],
  [
    'methods without a slash, without a service and empty',
    oneAction({ methods: { try: 'stock.v1.Stock/Reserve', confirm: '/Reserve', cancel: '' } }),
    ['actions[0].methods.try', 'actions[0].methods.confirm', 'actions[0].methods.cancel'],
  ],
  [
    'a method with a header in it',
    oneAction({ methods: { ...methods, try: '/a.B/C\r\nx:y' } }),
    ['actions[0].methods.try'],
  ],
])('register refuses %s', (_, read, fields) => {
  expect(fieldsOf(read)).toEqual(fields);
});

test.each([
  ['64 actions', register({ actions: actions(64) })],
  ['the longest call timeout and the most attempts', oneAction({ callTimeoutMs: 60_000, tryAttempts: 100 })],
  ['a lifetime of one second', register({ lifetimeMs: 1_000 })],
  ['a lifetime of one hour', register({ lifetimeMs: 3_600_000 })],
  ['native methods', oneAction({ methods })],
])('register takes %s', (_, read) => {
  expect(fieldsOf(read)).toEqual([]);
});

test.each(['127.0.0.1:1', 'stock:65535', 'stock.example.com:9000', 'shop_inventory_1:9000', '[::1]:9000'])(
  'the address %s is taken',
  (address) => {
    expect(fieldsOf(register({ address }))).toEqual([]);
  },
);

test.each([
  '',
  'stock',
  ':9000',
  'stock:0',
  'stock:65536',
  'stock:99999',
  'http://stock:80',
  '::1:9000',
  'a b:1',
  'dns:///a:1',
  'stock:9000\u0000',
  `${'a'.repeat(255)}:80`,
])('the address %j is refused', (address) => {
  expect(fieldsOf(register({ address }))).toEqual(['address']);
});

test('a repeated action name names the first', () => {
  expect(violationsOf(register({ actions: [action(), action({ name: 'add' }), action()] }))).toEqual([
    { field: 'actions[2].name', description: 'is the same as actions[0].name' },
  ]);
});

test('a registration is read whole, with the default lifetime', () => {
  expect(
    readRegister(registerRequest({ actions: [action({ methods, callTimeoutMs: 5, tryAttempts: 2 })] }), limits),
  ).toEqual({
    instance: {
      participant: 'inventory',
      instanceId: 'inventory-1',
      address: '127.0.0.1:9000',
      actions: [{ name: 'deduct', methods, callTimeoutMs: 5, tryAttempts: 2 }],
    },
    lifetimeMs: 15_000,
  });
});

test('deregister tells all its faults', () => {
  expect(fieldsOf(() => readDeregister({ participant: '', instanceId: ' ' }))).toEqual(['participant', 'instance_id']);
});
