import type { Sql, SqlValue } from './database';

/**
 * Puts the values into a statement's text, in one pass and without regular expressions: a batch has thousands of values,
 * of which the driver's own formatting takes several times as long. Nothing is ever escaped: text that is not plain
 * ASCII, or holds a quote or a backslash, is written in hexadecimal, which is safe in every sql_mode.
 */
export function withValues(sql: string, values: readonly SqlValue[]): string {
  const parts: string[] = [];
  put(parts, sql, values);
  return parts.join('');
}

/** Begin, the statements with their values, and commit, to be sent in one go. */
export function scriptText(statements: readonly Sql[]): string {
  const parts = ['BEGIN;'];
  for (const { text, values } of statements) {
    put(parts, text, values);
    parts.push(';');
  }
  parts.push('COMMIT');
  return parts.join('');
}

/** In parts that are joined once: text that grows piece by piece is a tree of pieces, and costs twice as much. */
function put(parts: string[], sql: string, values: readonly SqlValue[]): void {
  let from = 0;
  for (const value of values) {
    const at = sql.indexOf('?', from);
    if (at < 0) throw new RangeError('more values than placeholders');
    parts.push(sql.slice(from, at));
    putLiteral(parts, value);
    from = at + 1;
  }
  if (sql.indexOf('?', from) >= 0) throw new RangeError('more placeholders than values');
  parts.push(sql.slice(from));
}

function putLiteral(parts: string[], value: SqlValue): void {
  if (typeof value === 'string') {
    if (isPlain(value)) parts.push("'", value, "'");
    else parts.push("_utf8mb4 X'", hex(Buffer.from(value, 'utf8')), "'");
  } else if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new RangeError(`not a whole number: ${value}`);
    parts.push(String(value));
  } else if (value === null) {
    parts.push('NULL');
  } else {
    parts.push("X'", hex(value), "'");
  }
}

const QUOTE = 0x27;
const BACKSLASH = 0x5c;

function isPlain(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) return false;
  }
  return true;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
