import { decodeJson, decodePayload, encodePayload, MalformedPayload } from '../../../../src/sdk/fence/payload';

const json = (text: string, contentType = 'application/json') => ({ bytes: Buffer.from(text), contentType });

test.each([[{ a: [1, 'é', null] }], [0], [''], [false], [null], ['🎉']])('%j survives', (value) => {
  expect(decodePayload(encodePayload(value))).toEqual(value);
});

test('undefined is no payload', () => {
  expect(encodePayload(undefined)).toBeUndefined();
  expect(decodePayload(undefined)).toBeUndefined();
});

test('raw bytes stay as they are', () => {
  const raw = { bytes: Uint8Array.of(1, 2), contentType: 'application/protobuf' };
  expect(encodePayload(raw)).toBe(raw);
  expect(decodePayload(raw)).toBe(raw);
});

test.each([() => undefined, Symbol('s'), 1n])('%p cannot be a reply', (value) => {
  expect(() => encodePayload(value)).toThrow(TypeError);
});

test.each(['x'.repeat(65), 'a/b\n', 'é'])('%j is no content type', (contentType) => {
  expect(() => encodePayload({ bytes: new Uint8Array(), contentType })).toThrow(TypeError);
});

test.each(['application/json; charset=utf-8', 'Application/JSON', 'application/problem+json'])('%s is JSON', (type) => {
  expect(decodeJson(json('{"a":1}', type))).toEqual({ a: 1 });
});

test.each([
  json('{'),
  json('{}', 'text/plain'),
  json('1', ''),
  { ...json(''), bytes: Uint8Array.of(0x22, 0xff, 0x22) },
])('what is not well-formed JSON is malformed (%#)', (payload) => {
  expect(() => decodeJson(payload)).toThrow(MalformedPayload);
});

test('an empty payload reads as undefined, whatever its type', () => {
  expect(decodeJson(json('', ''))).toBeUndefined();
});
