import type { HostAnswer } from './host-probe';

/** One host of the URL, and what it said last. */
export interface Candidate {
  /** host:port */
  readonly name: string;
  /** Undefined when it has not answered yet. */
  readonly answer: HostAnswer | undefined;
}

/** What was learned of the cluster so far. */
export interface Known {
  /** The name of the group or cluster that the hosts are. */
  readonly cluster?: string | undefined;
  /** The newest view of it that any member was heard to have. */
  readonly newestView?: string | undefined;
}

export type Choice<C extends Candidate> =
  { readonly kind: 'host'; readonly host: C } | { readonly kind: 'none' | 'several'; readonly why: string };

/**
 * Which host is the one to write to, of those that say so.
 * C1. Once the hosts were members of a cluster, only members of that cluster count: a member that was started by itself, outside of
 *     its group, takes writes that nobody else will ever see.
 * C2. In a group with a single primary only a member counts whose view is the newest that any member, primary or not, was heard to
 *     have: one that was replaced while it stood still does not know that yet.
 * C3. Where every member takes writes, the one in use stays, else the URL's order says which: all coordinators should write
 *     to the same.
 * C4. Outside of clusters exactly one host may take writes. Of two nobody can know which one has the truth, so that only one
 *     that is in use already stays.
 */
export function choosePrimary<C extends Candidate>(
  candidates: readonly C[],
  current: C | undefined,
  { cluster, newestView }: Known = {},
): Choice<C> {
  const claims = candidates.flatMap((host) => {
    const flavour = host.answer?.kind === 'writable' ? host.answer.flavour : undefined;
    if (flavour === undefined) return [];
    const name = flavour.kind === 'plain' ? undefined : flavour.name;
    const isOutdated = flavour.kind === 'group' && flavour.isSinglePrimary && flavour.view < (newestView ?? '');
    return (cluster === undefined || name === cluster) && !isOutdated ? [{ host, flavour }] : [];
  });
  const [first] = claims;
  if (first === undefined) return { kind: 'none', why: told(candidates) };
  if (claims.length === 1) return { kind: 'host', host: first.host };
  const names = claims.map(({ host }) => host.name).join(' and ');
  const kinds = new Set(claims.map(({ flavour }) => (flavour.kind === 'plain' ? '' : flavour.name)));
  const inUse = claims.find(({ host }) => host === current);
  if (kinds.size > 1) return { kind: 'several', why: `${names} take writes and are not of the same cluster` };
  if (first.flavour.kind === 'plain') {
    if (inUse !== undefined) return { kind: 'host', host: inUse.host };
    return { kind: 'several', why: `${names} take writes: all but one must be read-only` };
  }
  if (first.flavour.kind === 'galera' || !first.flavour.isSinglePrimary) {
    return { kind: 'host', host: (inUse ?? first).host };
  }
  return { kind: 'several', why: `${names} take writes in the same view of their group` };
}

/** Every host and why it is not the one. */
function told(candidates: readonly Candidate[]): string {
  return candidates
    .map(({ name, answer }) => {
      if (answer === undefined) return `${name}: no answer yet`;
      return `${name}: ${answer.kind === 'writable' ? 'not of the cluster, or left behind by it' : answer.why}`;
    })
    .join('; ');
}
