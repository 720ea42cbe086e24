import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Command } from 'commander';

import { packageRoot } from '../lib/package-root';
import { addGet } from './commands/get';
import { addList } from './commands/list';
import { addParticipants } from './commands/participants';
import { addRetry } from './commands/retry';
import { addWatch } from './commands/watch';
import { exitCodes, exitCodesHelp } from './exit-codes';
import { failureOf } from './failure';
import type { CliIo } from './io';
import { addSettings } from './settings';

/** Runs tccctl with these arguments (without node and script) and resolves with its exit code. Never rejects. */
export async function main(args: readonly string[], io: CliIo): Promise<number> {
  try {
    await createProgram(io).parseAsync([...args], { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    const { text, exitCode } = failureOf(error);
    if (text !== '') io.stderr.write(`tccctl: ${text}\n`);
    return exitCode;
  }
}

const helpText = `
Data goes to stdout, everything else to stderr. Times are UTC, of the database's clock.
With -o json every time comes twice, as createdAt (ISO 8601) and createdAtMs (epoch milliseconds); a field without a
value is null, and a list is always a list. watch prints one JSON object per line.

${exitCodesHelp}

Examples:
  tccctl list --status open --older-than 10m
  tccctl get order-1
  tccctl list --all -o json | jq -r '.transactions[].gid'`;

function createProgram(io: CliIo): Command {
  // Subcommands copy these two settings when they are made, so they come first.
  const program = new Command('tccctl')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'tccctl: ')),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('See: tccctl --help')
    .description('See and steer the transactions of a TCC coordinator.')
    .version(version(), '-V, --version', 'print the version')
    .addHelpText('after', helpText);
  addSettings(program, io);
  for (const add of [addGet, addList, addWatch, addRetry, addParticipants]) add(program, io);
  return program;
}

function version(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
  return version;
}
