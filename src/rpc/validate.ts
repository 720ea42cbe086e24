import { MESSAGE_LENGTH } from '../engine/model';
import { type FieldViolation, TccError } from '../lib/errors';
import { ID_PATTERN } from '../lib/ids';

/** The bounds that a request is checked against; from the config's `limits` and `transactions`. */
export interface RequestLimits {
  /** Bytes of one branch's payload. */
  readonly payloadBytes: number;
  /** Branches of one transaction. */
  readonly branches: number;
  /** Milliseconds that a transaction's timeout, or an action's call timeout, may be. */
  readonly timeoutMs: number;
  /** Milliseconds until the deadline of a transaction that names none. */
  readonly defaultTimeoutMs: number;
  /** Bytes of Try replies that one response carries; see `transactionMessage`. */
  readonly replyBytes: number;
}

const CONTENT_TYPE = /^[\x20-\x7e]{0,64}$/;
const METHOD = /^\/[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\/[A-Za-z_]\w*$/;
const ADDRESS = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?):(\d{1,5})$/;
// Line breaks and tabs are part of a sentence; the others (NUL above all) break terminals and databases.
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

/** Addresses and method names are kept in columns of this length; DNS names end at 253. */
const ADDRESS_LENGTH = 255;

/** host:port with a port from 0 (any that is free, for a listener) to 65,535. */
export function isAddress(text: string): boolean {
  return text.length <= ADDRESS_LENGTH && ADDRESS.test(text) && portOf(text) <= 65_535;
}

/** The full name of a gRPC method: /package.Service/Method. */
export function isMethod(text: string): boolean {
  return text.length <= ADDRESS_LENGTH && METHOD.test(text);
}

function portOf(address: string): number {
  return Number(ADDRESS.exec(address)?.[3] ?? 0);
}

/**
 * Collects everything that is wrong with one request, so that the caller hears it all at once. Paths are in proto field names.
 */
export class Violations {
  private readonly found: FieldViolation[] = [];
  private parent = '';
  private index: number | undefined;

  /** The fields that are named from now on are those of this one, or of this item of a list. Their path is put together when it is needed. */
  within(parent: string, index?: number): void {
    this.parent = parent;
    this.index = index;
  }

  add(field: string, description: string): void {
    const item = this.index === undefined ? this.parent : `${this.parent}[${this.index}]`;
    this.found.push({ field: item === '' ? field : `${item}.${field}`, description });
  }

  /** Throws INVALID_REQUEST when anything was found. */
  throwIfAny(): void {
    const [first] = this.found;
    if (first === undefined) return;
    const more = this.found.length > 1 ? ` (and ${this.found.length - 1} more)` : '';
    throw new TccError('INVALID_REQUEST', `${first.field}: ${first.description}${more}`, { violations: this.found });
  }

  id(field: string, value: string): void {
    if (!ID_PATTERN.test(value)) this.add(field, 'must be 1 to 64 characters of [A-Za-z0-9._:-]');
  }

  idOrEmpty(field: string, value: string): void {
    if (value !== '' && !ID_PATTERN.test(value)) this.add(field, 'must be 0 to 64 characters of [A-Za-z0-9._:-]');
  }

  contentType(field: string, value: string): void {
    if (!CONTENT_TYPE.test(value)) this.add(field, 'must be at most 64 characters of printable ASCII');
  }

  bytes(field: string, value: { readonly length: number }, most: number): void {
    if (value.length > most) this.add(field, `has ${value.length} bytes; at most ${most} are allowed`);
  }

  /** A sentence for people: a reason. */
  sentence(field: string, value: string): void {
    if (value.length > MESSAGE_LENGTH) this.add(field, `must have at most ${MESSAGE_LENGTH} characters`);
    if (CONTROL.test(value)) this.add(field, 'must not contain control characters');
  }

  /** An integer within bounds, or 0 for the default. */
  countOrZero(field: string, value: number, least: number, most: number): void {
    if (value === 0) return;
    if (!Number.isSafeInteger(value) || value < least || value > most) {
      this.add(field, `must be from ${least} to ${most}, or 0 for the default`);
    }
  }

  count(field: string, value: number, most: number): void {
    if (!Number.isSafeInteger(value) || value < 0 || value > most) this.add(field, `must be from 0 to ${most}`);
  }

  address(field: string, value: string): void {
    if (!isAddress(value) || portOf(value) === 0) {
      this.add(field, 'must be host:port, such as 10.0.0.7:9000, stock.example:9000 or [::1]:9000');
    }
  }

  method(field: string, value: string): void {
    if (!isMethod(value)) {
      this.add(field, 'must be the full name of a method, such as /stock.v1.StockService/Reserve');
    }
  }

  /** What an enum's value means; one that the table does not know (a newer client's number) is a violation. */
  known<Value>(field: string, given: unknown, table: ReadonlyMap<unknown, Value>): Value | undefined {
    const value = table.get(given);
    if (value === undefined) {
      const names = [...table.keys()].filter((key) => typeof key === 'string');
      this.add(field, `must be one of ${names.join(', ')}`);
    }
    return value;
  }
}

/** For a value that a violation was recorded for: throwIfAny comes before it is used. */
export function checked<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new TccError('BROKEN_INVARIANT', 'a request passed validation without a value');
  return value;
}
