import { readHello } from '../../../src/rpc/validate-attach';
import type { RawHello } from '../../../src/wire/attach';
import { fieldsOf, limits } from './requests';

const MIB = 1_048_576;

function helloOf(changes: Partial<RawHello> = {}): RawHello {
  return {
    participant: 'inventory',
    instanceId: 'inventory-1',
    actions: [{ name: 'deduct' }],
    maxCallsInFlight: 0,
    maxBytesInFlight: 0,
    address: '',
    ...changes,
  };
}

const read = (changes: Partial<RawHello>) => () => readHello(helloOf(changes), limits);
const methods = { try: '/stock.v1.Stock/Reserve', confirm: '/stock.v1.Stock/Use', cancel: '/stock.v1.Stock/Release' };

test.each<[string, () => unknown, string[]]>([
  ['an empty participant', read({ participant: '' }), ['hello.participant']],
  ['an instance id with a slash', read({ instanceId: 'a/b' }), ['hello.instance_id']],
  ['an address without a port', read({ address: 'stock' }), ['hello.address']],
  ['an address with port 0', read({ address: 'stock:0' }), ['hello.address']],
  ['more than 100,000 calls', read({ maxCallsInFlight: 100_001 }), ['hello.max_calls_in_flight']],
  ['less than 1 MiB', read({ maxBytesInFlight: MIB - 1 }), ['hello.max_bytes_in_flight']],
  ['more than 1 GiB', read({ maxBytesInFlight: 1_024 * MIB + 1 }), ['hello.max_bytes_in_flight']],
  ['no action', read({ actions: [] }), ['hello.actions']],
  ['an action without a name', read({ actions: [{ name: '' }] }), ['hello.actions[0].name']],
  ['two actions of one name', read({ actions: [{ name: 'a' }, { name: 'a' }] }), ['hello.actions[1].name']],
  [
    'an action with bounds of its own that are too large',
    read({ actions: [{ name: 'a', callTimeoutMs: 60_001, tryAttempts: 101 }] }),
    ['hello.actions[0].call_timeout_ms', 'hello.actions[0].try_attempts'],
  ],
  [
    'native methods, which a stream does not carry',
    read({ actions: [{ name: 'a' }, { name: 'b', methods }] }),
    ['hello.actions[1].methods'],
  ],
  [
    'everything at once, fault by fault',
    read({ participant: '', instanceId: '', address: 'x', maxCallsInFlight: 1e6, maxBytesInFlight: 1, actions: [] }),
    [
      'hello.participant',
      'hello.instance_id',
      'hello.address',
      'hello.max_calls_in_flight',
      'hello.max_bytes_in_flight',
      'hello.actions',
    ],
  ],
])('hello refuses %s', (_, reading, fields) => {
  expect(fieldsOf(reading)).toEqual(fields);
});

test('hello refuses the 65th action', () => {
  const actions = Array.from({ length: 65 }, (_, index) => ({ name: `action-${index}` }));
  expect(fieldsOf(read({ actions }))).toEqual(['hello.actions']);
  expect(read({ actions: actions.slice(1) })).not.toThrow();
});

test('an empty hello, as the wire brings it, names what is missing', () => {
  expect(fieldsOf(() => readHello({} as RawHello, limits))).toEqual([
    'hello.participant',
    'hello.instance_id',
    'hello.actions',
  ]);
});

test('what is absent has its default', () => {
  expect(readHello(helloOf(), limits)).toEqual({
    instance: {
      participant: 'inventory',
      instanceId: 'inventory-1',
      address: '',
      actions: [{ name: 'deduct', methods: undefined, callTimeoutMs: 0, tryAttempts: 0 }],
    },
    maxCalls: 4_096,
    maxBytes: 16 * MIB,
  });
});

test('what is there is kept', () => {
  const actions = [{ name: 'deduct', methods: null, callTimeoutMs: 700, tryAttempts: 2 }];
  const given = { actions, maxCallsInFlight: 1, maxBytesInFlight: MIB, address: '10.0.0.7:9000' };
  expect(readHello(helloOf(given), limits)).toEqual({
    instance: {
      participant: 'inventory',
      instanceId: 'inventory-1',
      address: '10.0.0.7:9000',
      actions: [{ name: 'deduct', methods: undefined, callTimeoutMs: 700, tryAttempts: 2 }],
    },
    maxCalls: 1,
    maxBytes: MIB,
  });
});
