import type { Command } from 'commander';

import type { CliIo } from '../io';
import { renderChange } from '../render/change';
import { transactionJson } from '../render/json';
import { withSession } from '../session';

export function addWatch(program: Command, io: CliIo): void {
  program
    .command('watch')
    .description('Print one transaction as it stands and after each change, until it is CONFIRMED or CANCELLED.')
    .argument('<gid>', "the transaction's id")
    .action((gid: string, _options: object, command: Command) =>
      withSession(io, command, async ({ admin, output, print, look, signal }) => {
        for await (const transaction of admin.watch(gid, signal)) {
          print(output === 'json' ? JSON.stringify(transactionJson(transaction)) : renderChange(transaction, look()));
        }
      }),
    );
}
