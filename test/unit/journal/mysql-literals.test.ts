import { withValues } from '../../../src/journal/mysql-literals';

describe('values in a statement', () => {
  test.each<[string, string | number | null | Uint8Array, string]>([
    ['plain text', 'order-1', "'order-1'"],
    ['the empty text', '', "''"],
    ['text with a question mark', 'why?', "'why?'"],
    ['a number', -17, '-17'],
    ['nothing', null, 'NULL'],
    ['bytes', new Uint8Array([0, 39, 255]), "X'0027ff'"],
    ['no bytes', new Uint8Array(), "X''"],
    ['a quote', "a'b", "_utf8mb4 X'612762'"],
    ['a backslash', 'a\\', "_utf8mb4 X'615c'"],
    ['a line break', '\n', "_utf8mb4 X'0a'"],
    ['Chinese', '库', "_utf8mb4 X'e5ba93'"],
  ])('%s is written safely', (_title, value, expected) => {
    expect(withValues('SELECT ?', [value])).toBe(`SELECT ${expected}`);
  });

  test('each placeholder takes its own value, whatever the values hold', () => {
    expect(withValues('VALUES (?, ?), (?)', ['a?', 1, '?'])).toBe("VALUES ('a?', 1), ('?')");
  });

  test.each([
    ['fewer values than placeholders', 'SELECT ?, ?', [1]],
    ['more values than placeholders', 'SELECT ?', [1, 2]],
    ['a number that is not whole', 'SELECT ?', [0.5]],
    ['a number that is none', 'SELECT ?', [Number.NaN]],
  ])('%s are a mistake', (_title, sql, values) => {
    expect(() => withValues(sql, values)).toThrow(RangeError);
  });
});
