import type { Command } from 'commander';
import pc from 'picocolors';

import { AdminClient } from '../sdk/client/admin';
import type { CliIo } from './io';
import type { Look } from './render/look';
import { settingsOf, type Settings } from './settings';

/** What a command works with while it runs. */
export interface Session extends Settings {
  readonly admin: AdminClient;
  readonly signal: AbortSignal;
  /** Prints data. */
  readonly print: (text: string) => void;
  /** Says something beside the data, to a person: nothing when the output is JSON. */
  readonly hint: (text: string) => void;
  /** How text is rendered now. */
  readonly look: () => Look;
}

/** Runs one command's work with a connection that is closed afterwards. */
export async function withSession(
  io: CliIo,
  command: Command,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const settings = settingsOf(command);
  const { addresses, timeoutMs } = settings;
  const admin = new AdminClient({ addresses, timeoutMs });
  const colors = pc.createColors(wantsColor(io));
  try {
    await work({
      ...settings,
      admin,
      signal: io.signal,
      print: (text) => {
        io.signal.throwIfAborted();
        if (text !== '') io.stdout.write(`${text}\n`);
      },
      hint: (text) => {
        if (settings.output === 'table') io.stderr.write(`${text}\n`);
      },
      look: () => ({ nowMs: io.nowMs(), colors }),
    });
  } finally {
    admin.close();
  }
}

/** Colour is for a person at a terminal who has not said NO_COLOR (https://no-color.org: set and not empty). */
function wantsColor({ stdout, env }: CliIo): boolean {
  const refused = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  return stdout.isTTY === true && !refused;
}
