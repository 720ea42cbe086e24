import { performance } from 'node:perf_hooks';

import { branchStatus, mode, transactionStatus, triedBy, tryOrder } from '../../src/journal/codes';
import type { DatabaseServer } from './database';

/** Transactions that one statement makes: its undo log and its row locks stay small. */
const AT_ONCE = 500_000;

/**
 * Fills a journal with finished transactions of two branches each, all of them older than any that will be made. The database
 * makes the rows itself, both tables side by side and each in the order of its keys. Returns the seconds that it took.
 */
export async function fillWithFinished(server: DatabaseServer, database: string, count: number): Promise<number> {
  const started = performance.now();
  await server.runApart(database, numbers());
  // The rows need not reach a replica.
  const alone = server.name === 'mysql' ? ['SET SESSION sql_log_bin = 0'] : [];
  const starts = Array.from({ length: Math.ceil(count / AT_ONCE) }, (_, index) => index * AT_ONCE);
  await Promise.all([
    server.runApart(database, [...alone, ...starts.map(transactions)]),
    server.runApart(database, [...alone, ...starts.map(branches)]),
  ]);
  await server.runApart(database, ['DROP TABLE bench_numbers']);
  return (performance.now() - started) / 1000;
}

/** Makes the numbers below twice AT_ONCE. */
function numbers(): string[] {
  const statements = ['CREATE TABLE bench_numbers (n INT PRIMARY KEY)', 'INSERT INTO bench_numbers VALUES (0)'];
  for (let there = 1; there < 2 * AT_ONCE; there *= 2) {
    const more = Math.min(there, 2 * AT_ONCE - there);
    statements.push(`INSERT INTO bench_numbers SELECT n + ${there} FROM bench_numbers WHERE n < ${more}`);
  }
  return statements;
}

/** Numbered gids that sort before any ULID of this century. */
function gid(from: number, index: string): string {
  return `CONCAT('00', LPAD(${from} + ${index}, 24, '0'))`;
}

function transactions(from: number): string {
  const now = 'UNIX_TIMESTAMP() * 1000';
  return `INSERT INTO tcc_transactions (gid, name, mode, try_order, status, is_open, parked, created_at, deadline_at, due_at,
    decided_at, finished_at, rounds, epoch, worker, branch_count)
    SELECT ${gid(from, 'n')}, '', ${mode.of('execute')}, ${tryOrder.of('parallel')},
    ${transactionStatus.of('CONFIRMED')}, 0, 0, ${now}, ${now} + 30000, ${now} + 604800000, ${now}, ${now}, 0, 0, 'bench', 2
    FROM bench_numbers WHERE n < ${AT_ONCE} ORDER BY n`;
}

function branches(from: number): string {
  const participant = "IF(n % 2 = 0, 'a', 'b')";
  return `INSERT INTO tcc_branches (gid, branch_id, ordinal, participant, action, tried_by, payload, content_type, status,
    attempts, refusals, last_error, registered_at)
    SELECT ${gid(from, 'n DIV 2')}, CONCAT(${participant}, '-work'), n % 2, ${participant}, 'work',
    ${triedBy.of('coordinator')}, REPEAT('x', 100), 'application/octet-stream', ${branchStatus.of('REGISTERED')}, 0, 0, '', 0
    FROM bench_numbers ORDER BY n`;
}
