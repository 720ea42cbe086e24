import type { Command } from 'commander';

import type { CliIo } from '../io';
import { renderDetails } from '../render/details';
import { detailsJson } from '../render/json';
import { withSession } from '../session';

export function addGet(program: Command, io: CliIo): void {
  program
    .command('get')
    .description('Show one transaction: its branches, the attempts that failed, and its timeline.')
    .argument('<gid>', "the transaction's id")
    .action((gid: string, _options: object, command: Command) =>
      withSession(io, command, async ({ admin, output, print, hint, look, signal }) => {
        const details = await admin.getTransaction(gid, signal);
        if (output === 'json') {
          print(JSON.stringify(detailsJson(details), null, 2));
          return;
        }
        print(renderDetails(details, look()));
        if (details.transaction.parked) hint(`\nIt is parked: its retries wait for: tccctl retry ${gid}`);
      }),
    );
}
