/** What each of the fence's statements does to the simulated rows (src/sdk/fence/dialects/statements.ts says what it should). */
import { dialects } from '../../src/sdk/fence/dialects';
import type { ExecuteResult, SqlParameter } from '../../src/sdk/fence/executor';
import type { FenceKey } from '../../src/sdk/fence/rows';
import { type Cell, type StoredRow, type Table, Transaction } from '../database/store';

/** The local transaction that a statement runs in. */
export interface FenceAccess {
  readonly nowMs: number;
  readonly fence: Table;
  /** Keys of rows that this transaction purges. */
  readonly removed: Set<FenceKey>;
  /** The row, locked; a transaction that holds it must be waited for. */
  row(key: FenceKey): { readonly cell: Cell; readonly row: StoredRow | undefined } | Transaction;
  write(cell: Cell, key: FenceKey, row: StoredRow | undefined): void;
}

/** What came of it, or whom it has to wait for. */
export type Operation = (open: FenceAccess, parameters: readonly SqlParameter[]) => ExecuteResult | Transaction;

/** So many rows are looked at in one purge: few, so that the cursor is used. */
export const PURGE_ROWS = 10;

const statements = dialects.mysql('tcc_fence');

/** By its text. */
export const operations: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  [statements.insertTried, one(inserting('TRIED'))],
  [statements.insertCancelled, one(inserting('CANCELLED'))],
  [
    statements.confirm,
    one((row) => (row?.['status'] === 'TRIED' ? { row: bumped(row, 'CONFIRMED'), count: 1 } : undefined)),
  ],
  [statements.touch, one((row) => (row === undefined ? undefined : { row: bumped(row), count: 1 }))],
  [
    statements.cancel,
    one((row) => (row === undefined ? undefined : { row: { ...row, status: 'CANCELLED' }, count: 1 })),
  ],
  [statements.read, (open, parameters) => reading(open, [keyOf(parameters)])],
  [statements.storeReply, storingReply],
  [
    statements.scan(PURGE_ROWS),
    (open, [olderThanMs, gid, , branchId]) => scan(open, Number(olderThanMs), keyOf([gid ?? null, branchId ?? null])),
  ],
  [statements.purge, purging],
  [statements.batch.insertTried, many(inserting('TRIED'))],
  [statements.batch.insertCancelled, many(inserting('CANCELLED'))],
  [statements.batch.read, (open, [keys]) => reading(open, keysOf(keys))],
  [statements.batch.lock, (open, [keys]) => reading(open, keysOf(keys))],
  [statements.batch.touch, many((row) => (row === undefined ? undefined : { row: bumped(row), count: 1 }))],
  [
    statements.batch.confirm,
    many((row) => (row === undefined ? undefined : { row: bumped(row, 'CONFIRMED'), count: 1 })),
  ],
  [
    statements.batch.cancel,
    many((row) => (row === undefined ? undefined : { row: { ...row, status: 'CANCELLED' }, count: 1 })),
  ],
  [statements.batch.remove, many((row) => (row === undefined ? undefined : { row: undefined, count: 1 }))],
  [statements.batch.storeReplies ?? '', storingReplies],
]);

/** The next keys of the table after this one, as a plain read sees them. */
function scan(open: FenceAccess, olderThanMs: number, from: FenceKey): ExecuteResult {
  const rows = [...open.fence.rows()]
    .filter((row) => isAfter(row, from))
    .sort((one, other) => (isAfter(one, fenceKeyOf(other)) ? 1 : -1))
    .slice(0, PURGE_ROWS)
    .map((row) => ({ ...row, purgeable: isPurgeable(open, row, olderThanMs) ? 1 : 0 }));
  return { affectedRows: rows.length, rows };
}

function isPurgeable(open: FenceAccess, row: StoredRow, olderThanMs: number): boolean {
  return row['status'] !== 'TRIED' && Number(row['last_call_at_ms']) < open.nowMs - olderThanMs;
}

function purging(open: FenceAccess, [gid, branchId, olderThanMs]: readonly SqlParameter[]) {
  const key = keyOf([gid ?? null, branchId ?? null]);
  return changing(open, [key], (row) => {
    if (row === undefined || !isPurgeable(open, row, Number(olderThanMs))) return undefined;
    open.removed.add(key);
    return { row: undefined, count: 1 };
  });
}

function fenceKeyOf(row: StoredRow): FenceKey {
  return { gid: String(row['gid']), branchId: String(row['branch_id']) };
}

function isAfter(row: StoredRow, { gid, branchId }: FenceKey): boolean {
  const key = fenceKeyOf(row);
  return key.gid > gid || (key.gid === gid && key.branchId > branchId);
}

type RowChange = (
  row: StoredRow | undefined,
  key: FenceKey,
) => { readonly row: StoredRow | undefined; readonly count: number } | undefined;

function inserting(status: string): RowChange {
  return (row, { gid, branchId }) =>
    row === undefined
      ? {
          row: { gid, branch_id: branchId, status, calls: 1, reply: null, reply_type: null, last_call_at_ms: 0 },
          count: 1,
        }
      : { row: bumped(row), count: 2 };
}

function bumped(row: StoredRow, status = row['status'] ?? null): StoredRow {
  return { ...row, status, calls: Number(row['calls']) + 1 };
}

function one(change: RowChange): Operation {
  return (open, parameters) => changing(open, [keyOf(parameters)], change);
}

function many(change: RowChange): Operation {
  return (open, [keys]) => changing(open, keysOf(keys), change);
}

function changing(open: FenceAccess, keys: readonly FenceKey[], change: RowChange): ExecuteResult | Transaction {
  const met = locked(open, keys);
  if (met instanceof Transaction) return met;
  let affectedRows = 0;
  for (const { key, cell, row } of met) {
    const changed = change(row, key);
    if (changed === undefined) continue;
    const next = changed.row === undefined ? undefined : { ...changed.row, last_call_at_ms: open.nowMs };
    open.write(cell, key, next);
    affectedRows += changed.count;
  }
  return { affectedRows, rows: [] };
}

function reading(open: FenceAccess, keys: readonly FenceKey[]): ExecuteResult | Transaction {
  const met = locked(open, keys);
  if (met instanceof Transaction) return met;
  const rows = met.flatMap(({ row }) => (row === undefined ? [] : [row]));
  return { affectedRows: rows.length, rows };
}

function locked(open: FenceAccess, keys: readonly FenceKey[]) {
  const met: { readonly key: FenceKey; readonly cell: Cell; readonly row: StoredRow | undefined }[] = [];
  for (const key of keys) {
    const found = open.row(key);
    if (found instanceof Transaction) return found;
    met.push({ key, ...found });
  }
  return met;
}

function storingReply(open: FenceAccess, [reply = null, type = null, ...key]: readonly SqlParameter[]) {
  return changing(open, [keyOf(key)], (row) =>
    row === undefined ? undefined : { row: { ...row, reply, reply_type: type }, count: 1 },
  );
}

function storingReplies(open: FenceAccess, [entries]: readonly SqlParameter[]): ExecuteResult | Transaction {
  const all = JSON.parse(String(entries)) as readonly [string, string, string, string][];
  const replies = new Map(all.map(([gid, branchId, reply, type]) => [`${gid} ${branchId}`, { reply, type }]));
  const keys = all.map(([gid, branchId]) => ({ gid, branchId }));
  return changing(open, keys, (row, { gid, branchId }) => {
    const kept = replies.get(`${gid} ${branchId}`);
    if (row === undefined || kept === undefined) return undefined;
    return { row: { ...row, reply: Buffer.from(kept.reply, 'base64'), reply_type: kept.type }, count: 1 };
  });
}

function keyOf([gid, branchId]: readonly SqlParameter[]): FenceKey {
  return { gid: String(gid), branchId: String(branchId) };
}

function keysOf(text: SqlParameter | undefined): readonly FenceKey[] {
  return (JSON.parse(String(text)) as readonly [string, string][]).map(([gid, branchId]) => ({ gid, branchId }));
}
