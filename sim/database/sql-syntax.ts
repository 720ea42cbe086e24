/** Reads the journal's SQL: as much of the language as its statements use, and an error for anything beyond. */

export type Expression =
  | { readonly kind: 'value'; readonly value: string | number | null }
  | { readonly kind: 'parameter'; readonly index: number }
  | { readonly kind: 'column'; readonly source: string | undefined; readonly name: string }
  | { readonly kind: 'call'; readonly name: string; readonly inputs: readonly Expression[] }
  | { readonly kind: 'binary'; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'in'; readonly not: boolean; readonly left: Expression; readonly list: readonly Expression[] }
  | { readonly kind: 'null'; readonly not: boolean; readonly left: Expression }
  | { readonly kind: 'exists'; readonly select: Select };

export interface Source {
  readonly alias: string;
  readonly table: string | undefined;
  readonly derived: Select | undefined;
  /** The condition of a LEFT JOIN. */
  readonly on: Expression | undefined;
}

export interface Select {
  readonly kind: 'select';
  readonly distinct: boolean;
  readonly columns: readonly { readonly name: string; readonly value: Expression }[];
  readonly from: readonly Source[];
  readonly where: Expression | undefined;
  readonly order: readonly { readonly value: Expression; readonly descending: boolean }[];
  readonly limit: Expression | undefined;
  readonly locks: boolean;
}

export type Statement =
  | Select
  | {
      readonly kind: 'insert';
      readonly replaces: boolean;
      readonly table: string;
      readonly columns: readonly string[];
      readonly rows: readonly (readonly Expression[])[];
    }
  | {
      readonly kind: 'update';
      readonly table: string;
      readonly sets: readonly { readonly name: string; readonly value: Expression }[];
      readonly where: Expression | undefined;
    }
  | { readonly kind: 'delete'; readonly table: string; readonly where: Expression | undefined };

const TOKEN = /\s*(?:([A-Za-z_]\w*)|(\d+)|'((?:[^']|'')*)'|(<>|<=|>=|[-+=<>(),.?]))/y;
const END = { kind: 'end', text: '' } as const;

interface Token {
  readonly kind: 'word' | 'number' | 'text' | 'sign' | 'end';
  readonly text: string;
}

const COMPARISONS: ReadonlySet<string> = new Set(['=', '<>', '<', '<=', '>', '>=']);

export function parse(sql: string): Statement {
  return new Parser(sql).statement();
}

class Parser {
  private readonly tokens: Token[] = [];
  private readonly sql: string;
  private at = 0;
  private parameters = 0;

  constructor(sql: string) {
    this.sql = sql;
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < sql.trimEnd().length) {
      const from = TOKEN.lastIndex;
      const match = TOKEN.exec(sql);
      if (match === null) throw new Error(`the simulated database cannot read: ${sql.slice(from, from + 40)}`);
      const [, word, number, text, sign] = match;
      if (word !== undefined) this.tokens.push({ kind: 'word', text: word });
      else if (number !== undefined) this.tokens.push({ kind: 'number', text: number });
      else if (text !== undefined) this.tokens.push({ kind: 'text', text: text.replaceAll("''", "'") });
      else this.tokens.push({ kind: 'sign', text: sign ?? '' });
    }
  }

  statement(): Statement {
    const statement = this.anyStatement();
    if (this.peek().kind !== 'end') throw this.unexpected();
    return statement;
  }

  private anyStatement(): Statement {
    if (this.isWord('SELECT')) return this.select();
    if (this.takes('INSERT')) return this.insert(false);
    if (this.takes('REPLACE')) return this.insert(true);
    if (this.takes('UPDATE')) return this.update();
    this.expect('DELETE');
    this.expect('FROM');
    return { kind: 'delete', table: this.word(), where: this.where() };
  }

  private select(): Select {
    this.expect('SELECT');
    const distinct = this.takes('DISTINCT');
    const columns = this.list(() => {
      const value = this.expression();
      const name = this.takes('AS') ? this.word() : value.kind === 'column' ? value.name : '1';
      return { name, value };
    });
    const from = this.takes('FROM') ? this.sources() : [];
    const where = this.where();
    const order = this.takes('ORDER') ? this.order() : [];
    const limit = this.takes('LIMIT') ? this.expression() : undefined;
    const locks = this.takes('FOR');
    if (locks) this.expect('UPDATE');
    return { kind: 'select', distinct, columns, from, where, order, limit, locks };
  }

  private sources(): Source[] {
    const sources = [this.source()];
    while (this.takes('LEFT')) {
      this.expect('JOIN');
      const joined = this.source();
      this.expect('ON');
      sources.push({ ...joined, on: this.expression() });
    }
    return sources;
  }

  private source(): Source {
    if (this.takes('(')) {
      const derived = this.select();
      this.expect(')');
      return { alias: this.word(), table: undefined, derived, on: undefined };
    }
    const table = this.word();
    const next = this.peek();
    const isAlias = next.kind === 'word' && !/^(LEFT|WHERE|ORDER|LIMIT|FOR|ON)$/i.test(next.text);
    return { alias: isAlias ? this.word() : table, table, derived: undefined, on: undefined };
  }

  private order(): Select['order'] {
    this.expect('BY');
    return this.list(() => ({ value: this.expression(), descending: this.takes('DESC') }));
  }

  private insert(replaces: boolean): Statement {
    this.expect('INTO');
    const table = this.word();
    this.expect('(');
    const columns = this.list(() => this.word());
    this.expect(')');
    this.expect('VALUES');
    const rows = this.list(() => {
      this.expect('(');
      const row = this.list(() => this.expression());
      this.expect(')');
      return row;
    });
    return { kind: 'insert', replaces, table, columns, rows };
  }

  private update(): Statement {
    const table = this.word();
    this.expect('SET');
    const sets = this.list(() => {
      const name = this.word();
      this.expect('=');
      return { name, value: this.sum() };
    });
    return { kind: 'update', table, sets, where: this.where() };
  }

  private where(): Expression | undefined {
    return this.takes('WHERE') ? this.expression() : undefined;
  }

  private expression(): Expression {
    let left = this.conjunction();
    while (this.takes('OR')) left = { kind: 'binary', operator: 'OR', left, right: this.conjunction() };
    return left;
  }

  private conjunction(): Expression {
    let left = this.condition();
    while (this.takes('AND')) left = { kind: 'binary', operator: 'AND', left, right: this.condition() };
    return left;
  }

  private condition(): Expression {
    if (this.takes('EXISTS')) {
      this.expect('(');
      const select = this.select();
      this.expect(')');
      return { kind: 'exists', select };
    }
    const left = this.sum();
    if (COMPARISONS.has(this.peek().text)) {
      return { kind: 'binary', operator: this.next().text, left, right: this.sum() };
    }
    if (this.takes('IS')) {
      const not = this.takes('NOT');
      this.expect('NULL');
      return { kind: 'null', not, left };
    }
    const not = this.takes('NOT');
    if (!not && !this.isWord('IN')) return left;
    this.expect('IN');
    this.expect('(');
    const list = this.list(() => this.expression());
    this.expect(')');
    return { kind: 'in', not, left, list };
  }

  private sum(): Expression {
    let left = this.primary();
    while (this.peek().text === '+' || this.peek().text === '-') {
      left = { kind: 'binary', operator: this.next().text, left, right: this.primary() };
    }
    return left;
  }

  private primary(): Expression {
    const token = this.next();
    if (token.kind === 'number') return { kind: 'value', value: Number(token.text) };
    if (token.kind === 'text') return { kind: 'value', value: token.text };
    if (token.text === '?') return { kind: 'parameter', index: this.parameters++ };
    if (token.text === '(') {
      const inner = this.expression();
      this.expect(')');
      return inner;
    }
    if (token.kind !== 'word') throw this.unexpected();
    if (token.text.toUpperCase() === 'NULL') return { kind: 'value', value: null };
    if (this.takes('(')) {
      const inputs = this.peek().text === ')' ? [] : this.list(() => this.expression());
      this.expect(')');
      return { kind: 'call', name: token.text.toUpperCase(), inputs };
    }
    if (this.takes('.')) return { kind: 'column', source: token.text, name: this.word() };
    return { kind: 'column', source: undefined, name: token.text };
  }

  private list<Item>(item: () => Item): Item[] {
    const items = [item()];
    while (this.takes(',')) items.push(item());
    return items;
  }

  private peek(): Token {
    return this.tokens[this.at] ?? END;
  }

  private next(): Token {
    const token = this.peek();
    this.at += 1;
    return token;
  }

  private isWord(text: string): boolean {
    const token = this.peek();
    return token.kind === 'word' && token.text.toUpperCase() === text;
  }

  private takes(text: string): boolean {
    const token = this.peek();
    const isIt =
      token.kind === 'word' ? token.text.toUpperCase() === text : token.kind === 'sign' && token.text === text;
    if (isIt) this.at += 1;
    return isIt;
  }

  private expect(text: string): void {
    if (!this.takes(text)) throw this.unexpected();
  }

  private word(): string {
    const token = this.next();
    if (token.kind !== 'word') throw this.unexpected();
    return token.text;
  }

  private unexpected(): Error {
    return new Error(`the simulated database does not expect "${this.peek().text}" in: ${this.sql}`);
  }
}
