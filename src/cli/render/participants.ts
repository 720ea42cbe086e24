import type { ParticipantView } from '../../sdk/client/admin';
import { columns } from './columns';
import { type Look, plain, relative } from './look';

/** Participants, a line per instance; '' when there are none. */
export function renderParticipants(participants: readonly ParticipantView[], look: Look): string {
  if (participants.length === 0) return '';
  const { colors } = look;
  const rows = participants.flatMap(({ name, actions, instances }) => {
    const doing = actions.map((action) => plain(action.name)).join(', ');
    if (instances.length === 0) return [[plain(name), '-', '-', colors.red('none'), '-', doing]];
    return instances.map(({ instanceId, address, live, expiresAtMs }) => [
      plain(name),
      plain(instanceId),
      plain(address),
      live ? colors.green('live') : colors.red('expired'),
      expiresAtMs === 0 ? 'never' : relative(expiresAtMs, look),
      doing,
    ]);
  });
  return columns(['PARTICIPANT', 'INSTANCE', 'ADDRESS', 'STATE', 'EXPIRES', 'ACTIONS'], rows, look);
}
