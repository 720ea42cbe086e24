import type { AttemptView, TimelineEventView, TransactionDetails } from '../../sdk/client/admin';
import type { BranchView, CancelReasonView } from '../../sdk/client/views';
import { formatDuration } from '../duration';
import { columns } from './columns';
import { absolute, type Look, moment, plain, standing, statusText } from './look';

/** All that is known about a transaction, for a person. */
export function renderDetails(details: TransactionDetails, look: Look): string {
  const { transaction, attempts, timeline } = details;
  const sections = [
    summary(details, look),
    section('Branches', branchTable(transaction.branches, look), look),
    attempts.length === 0 ? '' : section('Attempts that did not go well', attemptTable(attempts, look), look),
    timeline.length === 0 ? '' : section('Timeline', timelineTable(timeline, transaction.createdAtMs, look), look),
  ];
  return sections.filter((text) => text !== '').join('\n\n');
}

/** 'REFUSED by stock: no stock' */
export function reasonText({ code, branchId, message }: CancelReasonView): string {
  return plain(`${code}${branchId === '' ? '' : ` by ${branchId}`}${message === '' ? '' : `: ${message}`}`);
}

function summary({ transaction, worker }: TransactionDetails, look: Look): string {
  const { gid, name, cancelReason, createdAtMs, deadlineAtMs, decidedAtMs, finishedAtMs, dueAtMs } = transaction;
  const lines: (readonly [string, string])[] = [
    ['name', name === '' ? '-' : plain(name)],
    ['status', standing(transaction, look)],
    ...(cancelReason === undefined ? [] : [['reason', reasonText(cancelReason)] as const]),
    ['began', moment(createdAtMs, look)],
    ['deadline', moment(deadlineAtMs, look)],
    ['decided', moment(decidedAtMs, look)],
    ['finished', moment(finishedAtMs, look)],
    ['next look', moment(dueAtMs, look)],
    ['rounds', String(transaction.rounds)],
    ['worker', worker === '' ? '-' : plain(worker)],
  ];
  const body = lines.map(([label, text]) => `  ${look.colors.dim(label.padEnd(9))}  ${text}`);
  return [look.colors.bold(`Transaction ${plain(gid)}`), ...body].join('\n');
}

function section(title: string, body: string, { colors }: Look): string {
  return `${colors.bold(title)}\n${body.replace(/^/gm, '  ')}`;
}

function branchTable(branches: readonly BranchView[], look: Look): string {
  if (branches.length === 0) return 'none';
  const rows = branches.map((branch) => [
    plain(branch.branchId),
    plain(branch.participant),
    plain(branch.action),
    statusText(branch.status, look),
    String(branch.attempts),
    branch.lastError === '' ? '-' : plain(branch.lastError),
  ]);
  return columns(['BRANCH', 'PARTICIPANT', 'ACTION', 'STATUS', 'ATTEMPTS', 'LAST ERROR'], rows, look);
}

function attemptTable(attempts: readonly AttemptView[], look: Look): string {
  const rows = attempts.map(({ atMs, branchId, phase, attempt, code, message }) => [
    absolute(atMs),
    plain(branchId),
    phase,
    String(attempt),
    plain(code),
    message === '' ? '-' : plain(message),
  ]);
  return columns(['TIME', 'BRANCH', 'PHASE', 'ATTEMPT', 'CODE', 'MESSAGE'], rows, look);
}

function timelineTable(timeline: readonly TimelineEventView[], createdAtMs: number, look: Look): string {
  const rows = timeline.map(({ atMs, text }) => [
    absolute(atMs),
    `+${formatDuration(Math.max(0, atMs - createdAtMs))}`,
    plain(text),
  ]);
  return columns(['TIME', 'AFTER', 'WHAT'], rows, look);
}
