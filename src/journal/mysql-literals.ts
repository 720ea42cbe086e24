import type { Sql, SqlValue } from './database';

/**
 * Puts the values into a statement's text, in one pass and without regular expressions: a batch has thousands of values,
 * of which the driver's own formatting takes several times as long. Nothing is ever escaped: text that is not plain
 * ASCII, or holds a quote or a backslash, is written in hexadecimal, which is safe in every sql_mode.
 */
export function withValues(sql: string, values: readonly SqlValue[]): string {
  shared.begin();
  shared.statement(sql, values);
  return shared.end();
}

/** Begin, the statements with their values, and commit, to be sent in one go. */
export function scriptText(statements: readonly Sql[]): string {
  shared.begin();
  shared.statement('BEGIN;');
  for (const { text, values } of statements) {
    shared.statement(text, values);
    shared.statement(';');
  }
  shared.statement('COMMIT');
  return shared.end();
}

/** What a script of 512 steps with small payloads takes, and its template. A larger one gets its room and gives it back. */
const KEPT_BYTES = 1024 * 1024;

const QUOTE = 0x27;
const PLACEHOLDER = 0x3f;
const BACKSLASH = 0x5c;
const DIGITS = new TextEncoder().encode('0123456789abcdef');

/** A text of ASCII, byte by byte: pieced together from strings it takes three times as long, and most of that is garbage. */
class AsciiText {
  private bytes = Buffer.allocUnsafeSlow(0);
  private length = 0;
  /** The statement with its placeholders: in bytes it is looked through faster. */
  private template = Buffer.allocUnsafeSlow(0);

  begin(): void {
    this.length = 0;
  }

  end(): string {
    const text = this.bytes.toString('latin1', 0, this.length);
    if (this.bytes.length > KEPT_BYTES) this.bytes = Buffer.allocUnsafeSlow(0);
    if (this.template.length > KEPT_BYTES) this.template = Buffer.allocUnsafeSlow(0);
    return text;
  }

  /** Adds a statement of ours with a value for each placeholder. */
  statement(sql: string, values: readonly SqlValue[] = []): void {
    if (this.template.length < sql.length) this.template = Buffer.allocUnsafeSlow(2 * sql.length);
    const { template } = this;
    const end = template.write(sql, 0, sql.length, 'latin1');
    let index = 0;
    for (let at = this.copy(template, 0, end); at < end; at = this.copy(template, at + 1, end)) {
      if (index === values.length) throw new RangeError('more placeholders than values');
      this.literal(values[index++] as SqlValue);
    }
    if (index < values.length) throw new RangeError('more values than placeholders');
  }

  /** Adds what stands up to the next placeholder; returns where that is. */
  private copy(template: Uint8Array, from: number, end: number): number {
    this.reserve(end - from);
    const { bytes } = this;
    let { length } = this;
    let at = from;
    for (; at < end && template[at] !== PLACEHOLDER; at += 1) bytes[length++] = template[at] as number;
    this.length = length;
    return at;
  }

  private literal(value: SqlValue): void {
    if (typeof value === 'string') {
      if (!this.plain(value)) this.hex('_utf8mb4 X', Buffer.from(value, 'utf8'));
    } else if (typeof value === 'number') {
      if (!Number.isSafeInteger(value)) throw new RangeError(`not a whole number: ${value}`);
      this.ascii(String(value));
    } else if (value === null) {
      this.ascii('NULL');
    } else {
      this.hex('X', value);
    }
  }

  /** A text between quotes; false, and nothing is added, when it cannot be written so. */
  private plain(text: string): boolean {
    this.reserve(text.length + 2);
    const { bytes } = this;
    let { length } = this;
    bytes[length++] = QUOTE;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) return false;
      bytes[length++] = code;
    }
    bytes[length++] = QUOTE;
    this.length = length;
    return true;
  }

  private hex(opening: string, data: Uint8Array): void {
    this.ascii(opening);
    this.reserve(2 * data.length + 2);
    const { bytes } = this;
    let { length } = this;
    bytes[length++] = QUOTE;
    for (let at = 0; at < data.length; at += 1) {
      const byte = data[at] as number;
      bytes[length++] = DIGITS[byte >> 4] as number;
      bytes[length++] = DIGITS[byte & 15] as number;
    }
    bytes[length++] = QUOTE;
    this.length = length;
  }

  private ascii(text: string): void {
    this.reserve(text.length);
    const { bytes } = this;
    let { length } = this;
    for (let at = 0; at < text.length; at += 1) bytes[length++] = text.charCodeAt(at);
    this.length = length;
  }

  /** Makes room for so many bytes more: twice what there is, so that a text of many parts is not copied for each. */
  private reserve(bytes: number): void {
    if (this.length + bytes <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(2 * (this.length + bytes));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }
}

/** Nothing waits between `begin` and `end`, so one is enough. */
const shared = new AsciiText();
