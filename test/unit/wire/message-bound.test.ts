import { Metadata } from '@grpc/grpc-js';

import { boundOfHeaders, headersOfBound, SMALLEST_MESSAGE_BYTES } from '../../../src/wire/message-bound';

const headers = (value: string) => {
  const metadata = new Metadata();
  metadata.set('tcc-message-bytes', value);
  return metadata;
};

test.each([1, SMALLEST_MESSAGE_BYTES, 64 * 1024 * 1024])('a bound of %d bytes is read as it was said', (bytes) => {
  expect(boundOfHeaders(headersOfBound(bytes))).toBe(bytes);
});

test('headers that say nothing leave it open', () => {
  expect(boundOfHeaders(new Metadata())).toBeUndefined();
});

test.each(['', '0', '-1', '1e9', '4 MiB', '65536.5', '99999999999'])('%p is no bound', (value) => {
  expect(boundOfHeaders(headers(value))).toBeUndefined();
});
