import type pc from 'picocolors';

import type { BranchStatus, TransactionStatus } from '../../sdk/client/views';
import { formatDuration } from '../duration';

/** What a rendering depends on beside its data. */
export interface Look {
  /** Epoch milliseconds; relative times count from here. */
  readonly nowMs: number;
  readonly colors: ReturnType<typeof pc.createColors>;
}

/** Text of others for a terminal: control characters and those that turn the writing direction must not reach it. */
export function plain(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]+/g, ' ');
}

/** '2026-01-02 03:04:05.678Z' */
export function absolute(atMs: number): string {
  return new Date(atMs).toISOString().replace('T', ' ');
}

/** '3m4s ago', 'in 5s' */
export function relative(atMs: number, { nowMs }: Look): string {
  return atMs <= nowMs ? `${formatDuration(nowMs - atMs)} ago` : `in ${formatDuration(atMs - nowMs)}`;
}

/** Both, or a dash. */
export function moment(atMs: number | undefined, look: Look): string {
  return atMs === undefined ? '-' : `${absolute(atMs)} (${relative(atMs, look)})`;
}

export function statusText(status: TransactionStatus | BranchStatus, { colors }: Look): string {
  switch (status) {
    case 'CONFIRMED':
      return colors.green(status);
    case 'CANCELLED':
      return colors.yellow(status);
    case 'REFUSED':
    case 'UNKNOWN':
      return colors.red(status);
    case 'TRYING':
    case 'CONFIRMING':
    case 'CANCELLING':
    case 'REGISTERED':
    case 'TRIED':
      return colors.cyan(status);
  }
}

/** A transaction's status, and that it is parked. */
export function standing(
  { status, parked }: { readonly status: TransactionStatus; readonly parked: boolean },
  look: Look,
): string {
  return statusText(status, look) + (parked ? look.colors.red(' (parked)') : '');
}
