import { CommanderError } from 'commander';

import { TccClientError, TccRequestError, UnavailableError } from '../sdk/client/errors';
import { exitCodes } from './exit-codes';
import { Stop } from './io';
import { plain } from './render/look';
import { UsageError } from './settings';

/** How a command that failed ends: the text for stderr ('' for none) and the exit code. */
export interface Failure {
  readonly text: string;
  readonly exitCode: number;
}

export function failureOf(error: unknown): Failure {
  if (error instanceof Stop) return { text: '', exitCode: error.exitCode };
  if (error instanceof CommanderError) {
    // Help and version leave with 0; for everything else commander has printed what is wrong.
    return { text: '', exitCode: error.exitCode === 0 ? exitCodes.ok : exitCodes.usage };
  }
  if (error instanceof UsageError) return { text: error.message, exitCode: exitCodes.usage };
  if (error instanceof UnavailableError) return { text: unavailableText(error), exitCode: exitCodes.unavailable };
  if (error instanceof TccRequestError) return requestFailure(error);
  if (error instanceof TccClientError) return { text: plain(error.message), exitCode: exitCodes.failed };
  return { text: `unexpected: ${error instanceof Error ? error.message : String(error)}`, exitCode: exitCodes.failed };
}

function unavailableText(error: UnavailableError): string {
  return (
    `${plain(error.message)}\n` +
    'Is tccd running there? Name other coordinators with --address or TCC_ADDRESS, or wait longer with --timeout.'
  );
}

function requestFailure(error: TccRequestError): Failure {
  const gid = error.gid ?? '';
  const violations = error.violations.map(({ field, description }) => plain(`  ${field}: ${description}`));
  switch (error.code) {
    case 'TRANSACTION_NOT_FOUND': {
      const text = `no transaction has the gid '${plain(gid)}'. Look for it with: tccctl list --gid-prefix PREFIX`;
      return { text, exitCode: exitCodes.notFound };
    }
    case 'WRONG_STATE': {
      const state = error.metadata['status'] ?? 'finished';
      const text = `transaction '${plain(gid)}' is ${plain(state)}: nothing is left to retry. See it with: tccctl get ${plain(gid)}`;
      return { text, exitCode: exitCodes.failed };
    }
    case 'UNIMPLEMENTED':
      return {
        text: 'what answers there is no coordinator. Check --address or TCC_ADDRESS.',
        exitCode: exitCodes.failed,
      };
    default:
      return {
        text: [`${error.code}: ${plain(error.message)}`, ...violations].join('\n'),
        exitCode: exitCodes.failed,
      };
  }
}
