import { TccError } from '../../../src/lib/errors';
import { guardedAttach, guardedService, MOST_PARTS, readable, UnreadableRequest } from '../../../src/rpc/request-parts';
import { tccV1 } from '../../../src/wire/proto';

const transactions = guardedService(tccV1.TransactionService.service);
const admin = guardedService(tccV1.AdminService.service);
const registry = guardedService(tccV1.RegistryService.service);

/** What an attempt to read the bytes ends with. */
function refusal(decode: (bytes: Buffer) => unknown, bytes: Buffer): TccError | undefined {
  const request = decode(bytes);
  if (!(request instanceof UnreadableRequest)) return undefined;
  return request.reason;
}

const elements = (count: number, ...element: readonly number[]) =>
  Buffer.alloc(count * element.length, Buffer.from(element));

describe('a request', () => {
  test('with as many parts as it may have is decoded, with one more it is not', () => {
    const decode = transactions.Execute.requestDeserialize;
    const most = decode(elements(MOST_PARTS, 0x1a, 0));
    expect(most).toMatchObject({ branches: { length: MOST_PARTS } });
    const error = refusal(decode, elements(MOST_PARTS + 1, 0x1a, 0));
    expect(error).toMatchObject({ code: 'INVALID_REQUEST', violations: [{ field: 'branches' }] });
  });

  test('has its parts counted at all depths, and the field is named by its path', () => {
    const branch = Buffer.concat([Buffer.from([0x1a, 2]), Buffer.from([0x22, 0])]);
    const bytes = Buffer.concat(Array<Buffer>(MOST_PARTS / 2 + 1).fill(branch));
    expect(refusal(transactions.Execute.requestDeserialize, bytes)?.violations[0]?.field).toBe('branches');
    const deep = Buffer.concat([Buffer.from([0x1a, 0x82, 0x40]), elements(MOST_PARTS + 1, 0x22, 0)]);
    expect(refusal(transactions.Execute.requestDeserialize, deep)?.violations[0]?.field).toBe('branches.payload');
    const methods = elements(MOST_PARTS + 1, 0x22, 2, 0x12, 0);
    expect(refusal(registry.Register.requestDeserialize, methods)?.violations[0]?.field).toMatch(/^actions/);
  });

  test('has the numbers of a list counted, packed or not', () => {
    const decode = admin.ListTransactions.requestDeserialize;
    const packed = Buffer.concat([Buffer.from([0x0a, 0x81, 0x20]), Buffer.alloc(MOST_PARTS + 1, 1)]);
    expect(refusal(decode, packed)?.violations[0]?.field).toBe('statuses');
    expect(refusal(decode, elements(MOST_PARTS + 1, 0x08, 1))?.violations[0]?.field).toBe('statuses');
  });

  test('of one large payload has one part', () => {
    const request = {
      gid: 'g',
      branch: {
        branchId: 'b',
        participant: 'p',
        action: 'a',
        payload: { data: Buffer.alloc(1_000_000), contentType: '' },
      },
    };
    const bytes = tccV1.TransactionService.service.Try.requestSerialize(request);
    expect(transactions.Try.requestDeserialize(bytes)).toMatchObject({ gid: 'g' });
  });

  test('that is no message says so, short or long', () => {
    const junk = [
      Buffer.from([0x0a, 0x7f]),
      Buffer.alloc(10_000, 0xff),
      Buffer.alloc(10_000, 0x7b),
      Buffer.from([0x7f]),
    ];
    for (const bytes of junk) {
      const error = refusal(transactions.Get.requestDeserialize, bytes);
      expect(error?.code).toBe('INVALID_REQUEST');
      expect(error?.message).toMatch(/^the request cannot be read: /);
    }
  });

  test('with a field in another wire type than its own names the field', () => {
    const error = refusal(transactions.Get.requestDeserialize, Buffer.from([0x08, 1]));
    expect(error).toMatchObject({ code: 'INVALID_REQUEST', violations: [{ field: 'gid' }] });
    const branch = Buffer.from([0x12, 2, 0x08, 1]);
    expect(refusal(transactions.Try.requestDeserialize, branch)?.violations[0]?.field).toBe('branch.branch_id');
  });

  test('with a text that goes on beyond its message is refused, where protobufjs would take what follows', () => {
    const branch = Buffer.from([0x12, 3, 0x0a, 4, 0x61, 0x62, 0x63, 0x64]);
    expect(refusal(transactions.Try.requestDeserialize, branch)?.message).toMatch(/longer than its message/);
  });

  test('with fields that are not known is read without them', () => {
    const bytes = Buffer.from([0x0a, 1, 0x61, 0x78, 5, 0x7b, 0x08, 1, 0x7c, 0x7d, 1, 2, 3, 4]);
    expect(readable(transactions.Get.requestDeserialize(bytes))).toEqual({ gid: 'a' });
  });

  test('that was not read throws why as soon as it is looked at', () => {
    expect(() => readable(transactions.Get.requestDeserialize(Buffer.from([0x0a, 0x7f])))).toThrow(TccError);
    expect(readable(transactions.Get.requestDeserialize(Buffer.from([0x0a, 1, 0x61])))).toEqual({ gid: 'a' });
  });
});

describe('a message of Attach', () => {
  const many = (count: number, tag: number) => {
    const body = elements(count, 0x1a, 0);
    const length = [(body.length & 0x7f) | 0x80, ((body.length >> 7) & 0x7f) | 0x80, body.length >> 14];
    return Buffer.concat([Buffer.from([tag, ...length]), body]);
  };

  test('with too many actions is a fault', () => {
    expect(guardedAttach.requestDeserialize(many(20_000, 0x0a))).toEqual({
      fault: 'hello.actions: a request may have at most 4096 list elements and messages within it',
    });
  });

  test('that is no message is a fault', () => {
    expect(guardedAttach.requestDeserialize(Buffer.alloc(9, 0xff)).fault).toMatch(/cannot be read/);
  });
});
