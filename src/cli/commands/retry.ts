import type { Command } from 'commander';

import type { CliIo } from '../io';
import { transactionJson } from '../render/json';
import { renderList } from '../render/list';
import { withSession } from '../session';

export function addRetry(program: Command, io: CliIo): void {
  program
    .command('retry')
    .description('Make one open transaction due now, and unpark it. Never changes a decision.')
    .argument('<gid>', "the transaction's id")
    .action((gid: string, _options: object, command: Command) =>
      withSession(io, command, async ({ admin, output, print, hint, look, signal }) => {
        const transaction = await admin.retryTransaction(gid, signal);
        if (output === 'json') {
          print(JSON.stringify({ transaction: transactionJson(transaction) }, null, 2));
          return;
        }
        print(renderList([transaction], look()));
        hint(`\nIt is due now. Follow it with: tccctl watch ${gid}`);
      }),
    );
}
