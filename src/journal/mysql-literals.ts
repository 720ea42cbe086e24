import type { Sql, SqlValue } from './database';

/**
 * Puts the values into a statement's text, in one pass and without regular expressions: a batch has thousands of values,
 * of which the driver's own formatting takes several times as long. Nothing is ever escaped: text that is not plain
 * ASCII, or holds a quote or a backslash, is written in hexadecimal, which is safe in every sql_mode.
 */
export function withValues(sql: string, values: readonly SqlValue[]): string {
  const pieces = new Pieces();
  put(pieces, sql, values);
  return pieces.joined();
}

/** Begin, the statements with their values, and commit, to be sent in one go. */
export function scriptText(statements: readonly Sql[]): string {
  const pieces = new Pieces();
  pieces.add('BEGIN;');
  for (const { text, values } of statements) {
    put(pieces, text, values);
    pieces.add(';');
  }
  pieces.add('COMMIT');
  return pieces.joined();
}

/** So many pieces are joined at once: their list stays small enough to be among what V8 collects cheaply. */
const JOINED_AT_ONCE = 4_096;

/** A text in pieces that are joined many at a time: one that grows piece by piece is a tree of them, and costs twice as much. */
class Pieces {
  private text = '';
  private pieces: string[] = [];

  add(piece: string): void {
    this.pieces.push(piece);
    if (this.pieces.length === JOINED_AT_ONCE) this.join();
  }

  joined(): string {
    this.join();
    return this.text;
  }

  private join(): void {
    this.text += this.pieces.join('');
    this.pieces = [];
  }
}

function put(pieces: Pieces, sql: string, values: readonly SqlValue[]): void {
  let from = 0;
  for (const value of values) {
    const at = sql.indexOf('?', from);
    if (at < 0) throw new RangeError('more values than placeholders');
    pieces.add(sql.slice(from, at));
    putLiteral(pieces, value);
    from = at + 1;
  }
  if (sql.indexOf('?', from) >= 0) throw new RangeError('more placeholders than values');
  pieces.add(sql.slice(from));
}

function putLiteral(pieces: Pieces, value: SqlValue): void {
  if (typeof value === 'string') {
    if (isPlain(value)) quote(pieces, "'", value);
    else quote(pieces, "_utf8mb4 X'", hex(Buffer.from(value, 'utf8')));
  } else if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new RangeError(`not a whole number: ${value}`);
    pieces.add(String(value));
  } else if (value === null) {
    pieces.add('NULL');
  } else {
    quote(pieces, "X'", hex(value));
  }
}

function quote(pieces: Pieces, opening: string, text: string): void {
  pieces.add(opening);
  pieces.add(text);
  pieces.add("'");
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
