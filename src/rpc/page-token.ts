import { createHash } from 'node:crypto';

import type { TransactionFilter } from '../journal/journal';
import { ID_PATTERN } from '../lib/ids';

/** What a page token is bound to: everything but the page itself. */
export type PageFilter = Omit<TransactionFilter, 'beforeGid' | 'limit'>;

/** A token is a short JSON text; anything longer was not made here. */
const LONGEST_TOKEN = 512;

/** The opaque token for the page after `lastGid`. */
export function pageToken(lastGid: string, filter: PageFilter): string {
  return Buffer.from(JSON.stringify([lastGid, digest(filter)])).toString('base64url');
}

/** The gid that a token stands for; undefined when it was not made here or was made for other filters. */
export function readPageToken(token: string, filter: PageFilter): string | undefined {
  if (token.length > LONGEST_TOKEN) return undefined;
  try {
    const parts: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (!Array.isArray(parts) || parts.length !== 2) return undefined;
    const [gid, made] = parts as [unknown, unknown];
    return typeof gid === 'string' && ID_PATTERN.test(gid) && made === digest(filter) ? gid : undefined;
  } catch {
    return undefined;
  }
}

function digest(filter: PageFilter): string {
  const text = JSON.stringify([
    [...filter.statuses].sort(),
    filter.name ?? '',
    filter.participant ?? '',
    filter.olderThanMs ?? 0,
    filter.parkedOnly,
    filter.gidPrefix ?? '',
    filter.minRounds ?? 0,
  ]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}
