import { type Command, InvalidArgumentError, Option } from 'commander';

import { parseDuration } from './duration';
import type { CliIo } from './io';

/** What every command is run with. */
export interface Settings {
  readonly output: OutputFormat;
  readonly addresses: readonly string[];
  readonly timeoutMs: number;
}

export type OutputFormat = 'table' | 'json';

const formats: readonly OutputFormat[] = ['table', 'json'];

/** Long enough for a coordinator's restart to be noticed on the next address; short enough for a person at a terminal. */
const DEFAULT_TIMEOUT = '5s';
const DEFAULT_ADDRESS = '127.0.0.1:8480';

/** Options for the program; commander takes them before and after the command's name. */
export function addSettings(program: Command, io: CliIo): Command {
  const { TCC_ADDRESS: address = DEFAULT_ADDRESS, TCCCTL_OUTPUT: output = 'table' } = io.env;
  return program
    .addOption(
      new Option('-o, --output <format>', 'table or json (TCCCTL_OUTPUT)')
        .argParser(parseOutput)
        .default(fromEnvironment('TCCCTL_OUTPUT', output, parseOutput), output),
    )
    .addOption(
      new Option('-a, --address <list>', 'coordinators, host:port[,host:port…], tried in turn (TCC_ADDRESS)')
        .argParser(parseAddresses)
        .default(fromEnvironment('TCC_ADDRESS', address, parseAddresses), address),
    )
    .addOption(
      new Option('--timeout <duration>', 'how long to try for an answer')
        .argParser(parseDuration)
        .default(parseDuration(DEFAULT_TIMEOUT), DEFAULT_TIMEOUT),
    );
}

export function settingsOf(command: Command): Settings {
  const { output, address, timeout } = command.optsWithGlobals<{
    output: OutputFormat;
    address: readonly string[];
    timeout: number;
  }>();
  return { output, addresses: address, timeoutMs: Math.max(timeout, 1) };
}

function parseOutput(text: string): OutputFormat {
  const format = formats.find((known) => known === text);
  if (format === undefined) throw new InvalidArgumentError(`Allowed are ${formats.join(' and ')}.`);
  return format;
}

function parseAddresses(text: string): readonly string[] {
  const addresses = text
    .split(',')
    .map((address) => address.trim())
    .filter((address) => address !== '');
  const wrong = addresses.find((address) => !/^\S+:\d{1,5}$/.test(address));
  if (addresses.length === 0 || wrong !== undefined) {
    throw new InvalidArgumentError('Write host:port, or several of them with commas.');
  }
  return addresses;
}

/** A faulty variable is a usage error like a faulty option, and says its own name. */
function fromEnvironment<Value>(name: string, text: string, parse: (text: string) => Value): Value {
  try {
    return parse(text);
  } catch (error) {
    throw new UsageError(`${name} is '${text}'. ${error instanceof Error ? error.message : ''}`.trim());
  }
}

/** The command line is wrong in a way that commander does not see. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
