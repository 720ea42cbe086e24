/**
 * Rows, versions and locks, as InnoDB keeps them under READ COMMITTED: a row has the version that was committed last and, while
 * a transaction holds it, the version that this one has written. Readers see what is committed or their own; writers wait.
 */
import type { SqlValue } from '../../src/journal/database';

export type StoredRow = Readonly<Record<string, SqlValue>>;

export class Cell {
  readonly table: Table;
  readonly key: string;
  /** The first column of the key. */
  readonly first: SqlValue;
  committed: StoredRow | undefined;
  /** What the owner has made of it; undefined for a deleted row. */
  pending: StoredRow | undefined;
  owner: Transaction | undefined;

  constructor(table: Table, key: string, first: SqlValue) {
    this.table = table;
    this.key = key;
    this.first = first;
  }

  seenBy(transaction: Transaction | undefined): StoredRow | undefined {
    return this.owner !== undefined && this.owner === transaction ? this.pending : this.committed;
  }
}

export interface Column {
  readonly name: string;
  readonly nullable: boolean;
  /** In characters; undefined where there is no bound. */
  readonly length: number | undefined;
}

export class Table {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly key: readonly string[];
  private readonly cells = new Map<string, Cell>();
  /** By the first column of the key; each list in the order of the whole key. */
  private readonly byFirst = new Map<SqlValue, Cell[]>();

  constructor(name: string, columns: readonly Column[], key: readonly string[]) {
    this.name = name;
    this.columns = columns;
    this.key = key;
  }

  keyOf(row: StoredRow): string {
    const { key } = this;
    if (key.length === 1) return String(row[key[0] ?? '']);
    let text = '';
    for (const column of key) text += `${String(row[column])}\u0000`;
    return text;
  }

  /** The place of a row, whether there is one or not. */
  cellFor(row: StoredRow): Cell {
    const key = this.keyOf(row);
    let cell = this.cells.get(key);
    if (cell === undefined) {
      const first = row[this.key[0] ?? ''] ?? null;
      cell = new Cell(this, key, first);
      this.cells.set(key, cell);
      const others = this.byFirst.get(first);
      if (others === undefined) this.byFirst.set(first, [cell]);
      else insert(others, cell);
    }
    return cell;
  }

  /** Those whose key begins with this value, in the order of their keys. */
  startingWith(first: SqlValue): readonly Cell[] {
    return this.byFirst.get(first) ?? NO_CELLS;
  }

  clear(): void {
    this.cells.clear();
    this.byFirst.clear();
  }

  all(): Iterable<Cell> {
    return this.cells.values();
  }

  /** The committed rows. */
  *rows(): Iterable<StoredRow> {
    for (const { committed } of this.cells.values()) if (committed !== undefined) yield committed;
  }

  /** A place that nobody needs any more is given up. */
  tidy(cell: Cell): void {
    if (cell.committed !== undefined || cell.owner !== undefined || this.cells.get(cell.key) !== cell) return;
    this.cells.delete(cell.key);
    const others = this.byFirst.get(cell.first);
    if (others === undefined) return;
    if (others.length === 1) this.byFirst.delete(cell.first);
    else others.splice(others.indexOf(cell), 1);
  }
}

const NO_CELLS: readonly Cell[] = [];

/** Where the order of the keys puts it. The lists are short: the rows of one gid. */
function insert(cells: Cell[], cell: Cell): void {
  let at = cells.length;
  while (at > 0) {
    const before = cells[at - 1];
    if (before === undefined || before.key < cell.key) break;
    at -= 1;
  }
  cells.splice(at, 0, cell);
}

/** What one commit did to a row. */
export interface Change {
  readonly table: string;
  readonly before: StoredRow | undefined;
  readonly after: StoredRow | undefined;
}

export class Transaction {
  /** What it waits for. */
  waitsFor: Transaction | undefined;
  isOver = false;
  private readonly held = new Set<Cell>();
  private whenOver: (() => void)[] = [];

  get hasWritten(): boolean {
    for (const cell of this.held) if (cell.pending !== cell.committed) return true;
    return false;
  }

  /** Takes a row for itself, which nobody else holds. */
  hold(cell: Cell): void {
    if (cell.owner === this) return;
    cell.owner = this;
    cell.pending = cell.committed;
    this.held.add(cell);
  }

  write(cell: Cell, row: StoredRow | undefined): void {
    this.hold(cell);
    cell.pending = row;
  }

  commit(): readonly Change[] {
    const changes: Change[] = [];
    for (const cell of this.held) {
      const before = cell.committed;
      const after = cell.pending;
      if (before !== after) changes.push({ table: cell.table.name, before, after });
      cell.committed = after;
    }
    this.end();
    return changes;
  }

  rollback(): void {
    if (!this.isOver) this.end();
  }

  /** Calls `wake` when it is over: soon, when it is. */
  onceOver(wake: () => void): void {
    this.whenOver.push(wake);
  }

  /** Whether waiting for `other` would close a circle. */
  wouldDeadlock(other: Transaction): boolean {
    for (let next: Transaction | undefined = other; next !== undefined; next = next.waitsFor) {
      if (next === this) return true;
    }
    return false;
  }

  private end(): void {
    this.isOver = true;
    this.waitsFor = undefined;
    for (const cell of this.held) {
      cell.owner = undefined;
      cell.pending = undefined;
      cell.table.tidy(cell);
    }
    this.held.clear();
    const { whenOver } = this;
    this.whenOver = [];
    for (const wake of whenOver) wake();
  }
}
