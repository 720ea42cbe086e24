import type { Command } from 'commander';

import type { CliIo } from '../io';
import { participantsJson } from '../render/json';
import { renderParticipants } from '../render/participants';
import { withSession } from '../session';

export function addParticipants(program: Command, io: CliIo): void {
  program
    .command('participants')
    .description('Show every known participant with its instances and actions.')
    .action((_options: object, command: Command) =>
      withSession(io, command, async ({ admin, output, print, hint, look, signal }) => {
        const participants = await admin.listParticipants(signal);
        if (output === 'json') {
          print(JSON.stringify(participantsJson(participants), null, 2));
          return;
        }
        print(renderParticipants(participants, look()));
        if (participants.length === 0) hint('No participant has registered, and none is in the config file.');
      }),
    );
}
