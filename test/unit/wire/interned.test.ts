import fc from 'fast-check';

import { InternedTexts } from '../../../src/wire/interned';
import { text } from './messages';

const read = (texts: InternedTexts, value: string) => {
  const bytes = Buffer.from(`<${value}>`);
  return texts.read(bytes, 1, bytes.length - 1);
};

it('every text comes back as it is, however many there are', () => {
  const texts = new InternedTexts();
  fc.assert(fc.property(text, (value) => read(texts, value) === value));
  for (let round = 0; round < 2; round += 1) {
    for (let index = 0; index < 5_000; index += 1) expect(read(texts, `word-${index}`)).toBe(`word-${index}`);
  }
});

it('bytes that are no UTF-8 are never taken for a text that was', () => {
  const texts = new InternedTexts();
  const [latin, invalid] = ['\u00ff', Buffer.from([0xff])];
  expect(read(texts, latin)).toBe(latin);
  expect(texts.read(invalid, 0, 1)).toBe('\ufffd');
  expect(texts.read(invalid, 0, 1)).toBe('\ufffd');
});
