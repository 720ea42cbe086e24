import { scriptText, withValues } from '../../../src/journal/mysql-literals';

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

  test('a mistake in one statement leaves nothing of it in the next', () => {
    expect(() => withValues('SELECT ?, ?', ['left behind'])).toThrow(RangeError);
    expect(withValues('SELECT ?', [1])).toBe('SELECT 1');
  });

  test.each([10, 100_000, 3_000_000])('%d bytes are written whole', (length) => {
    const hex = withValues('SELECT ?, ?', [new Uint8Array(length).fill(0xa5), 'x'.repeat(length)]);
    expect(hex).toBe(`SELECT X'${'a5'.repeat(length)}', '${'x'.repeat(length)}'`);
    expect(withValues('SELECT ?', [1])).toBe('SELECT 1');
  });
});

describe('a script', () => {
  test('has its statements between begin and commit', () => {
    const statements = [
      { text: 'UPDATE a SET b = ?', values: [1] },
      { text: 'UPDATE a SET c = ? WHERE d = ?', values: ['e', null] },
    ];
    expect(scriptText(statements)).toBe("BEGIN;UPDATE a SET b = 1;UPDATE a SET c = 'e' WHERE d = NULL;COMMIT");
  });
});
