import { sleep, systemClock } from '../../src/lib/clock';
import type { Link, LinkKind } from '../lab/links';
import type { Stage } from '../lab/stage';
import type { Fault } from './fault';
import { CLIENT_GIVES_UP } from './processes';

/** How long a link is sick. Longer than a call's time at the participant and a statement's, and shorter than an order's. */
const SICK_MS = 4_000;

/** Slow drip: so many bytes in so many milliseconds, on each connection. A frame of a few calls takes a second. */
const DRIP_BYTES = 64;
const DRIP_EVERY_MS = 50;

/** Every so manieth COMMIT, or statement that commits by itself, loses its reply. */
const LOST_EVERY = 10;

/** By then calls go to the participants' own addresses, because no stream is there. */
const UNTIL_UNARY_MS = 500;

const kinds: readonly LinkKind[] = [
  'client to coordinator',
  'coordinator to database',
  'participant to coordinator',
  'coordinator to participant',
  'participant to database',
];

/** Of clients and coordinators one is struck and the other is well; a participant has no second. */
function victim(stage: Stage, kind: LinkKind, turn: number): Link {
  const links = stage.links.of(kind);
  const link = links[turn % links.length];
  if (link === undefined) throw new Error(`there is no link from ${kind}`);
  return link;
}

interface Sickness {
  readonly name: string;
  readonly begin: (link: Link, turn: number) => void;
  readonly forMs: number;
  /** How often it bit so far. */
  readonly bites: (link: Link) => number;
}

const sicknesses: readonly Sickness[] = [
  { name: 'black hole', begin: ({ proxy }) => proxy.pause(), forMs: SICK_MS, bites: ({ proxy }) => proxy.held },
  {
    name: 'one-way cut',
    begin: ({ proxy }, turn) => proxy.pause(turn % 2 === 0 ? 'replies' : 'requests'),
    forMs: SICK_MS,
    bites: ({ proxy }) => proxy.held,
  },
  {
    name: 'slow drip',
    begin: ({ proxy }) => proxy.drip(DRIP_BYTES, DRIP_EVERY_MS),
    forMs: SICK_MS,
    bites: ({ proxy }) => proxy.held,
  },
];

/** Calls go to a participant's own address only while it has no stream to the coordinator: then streams are cut off meanwhile. */
async function cutStreams(stage: Stage, kind: LinkKind): Promise<void> {
  if (kind !== 'coordinator to participant') return;
  for (const { proxy } of stage.links.of('participant to coordinator')) proxy.refuse();
  await sleep(systemClock, UNTIL_UNARY_MS);
}

function sick(kind: LinkKind, { name, begin, forMs, bites }: Sickness): Fault {
  return {
    name: `${name}, ${kind}`,
    ...(kind === 'client to coordinator' && name !== 'slow drip' ? { goal: CLIENT_GIVES_UP } : {}),
    async strike({ stage, turn }) {
      const link = victim(stage, kind, turn);
      const before = bites(link);
      await cutStreams(stage, kind);
      begin(link, Math.floor(turn / stage.links.of(kind).length));
      await sleep(systemClock, forMs);
      const times = bites(link) - before;
      stage.links.heal();
      return { times, whom: link.owner };
    },
  };
}

function reset(kind: LinkKind): Fault {
  return {
    name: `reset, ${kind}`,
    async strike({ stage, turn }) {
      const link = victim(stage, kind, turn);
      let times = 0;
      await cutStreams(stage, kind);
      // Some at once and some after they are back.
      for (let again = 0; again < 3; again += 1) {
        times += link.proxy.connections;
        link.proxy.cut();
        await sleep(systemClock, 300);
      }
      stage.links.heal();
      return { times, whom: link.owner };
    },
  };
}

function commitReplyLost(kind: LinkKind, isShort: boolean): Fault {
  return {
    name: `reply to COMMIT dropped, ${kind}`,
    isShort,
    async strike({ stage, turn }) {
      const link = victim(stage, kind, turn);
      const before = link.proxy.lost;
      let seen = 0;
      link.proxy.dropRepliesAfter((sql) => isCommit(sql) && (seen += 1) % LOST_EVERY === 0);
      await sleep(systemClock, SICK_MS);
      const times = link.proxy.lost - before;
      stage.links.heal();
      return { times, whom: link.owner };
    },
  };
}

function isCommit(sql: string): boolean {
  return /^(commit\b|update tcc_transactions )/i.test(sql);
}

export const networkFaults: readonly Fault[] = [
  ...kinds.flatMap((kind) => sicknesses.map((sickness) => sick(kind, sickness))),
  ...kinds.map(reset),
  commitReplyLost('coordinator to database', true),
  commitReplyLost('participant to database', false),
];
