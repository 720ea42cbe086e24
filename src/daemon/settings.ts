import { z } from 'zod';

import { parseDatabaseUrl } from '../journal/database-url';
import { ID_PATTERN } from '../lib/ids';
import { isAddress, isMethod } from '../rpc/validate';
import { LONGEST_LIFETIME_MS, MOST_ACTIONS, MOST_TRY_ATTEMPTS } from '../rpc/validate-registry';
import { SMALLEST_MESSAGE_BYTES } from '../wire/message-bound';

/**
 * Every setting of tccd with its default and its bounds. The message of a setting says what to write: it completes
 * the sentence "write …". The names of its flag and of its environment variable follow from its path (sources.ts).
 */
const whole = (least: number, most: number, fallback: number, what: string) => {
  const message = `a whole number of ${what} from ${least} to ${most}, such as ${fallback}`;
  return z.int(message).min(least, message).max(most, message).default(fallback);
};
const ms = (least: number, most: number, fallback: number) => whole(least, most, fallback, 'milliseconds');
const fraction = (least: number, most: number, fallback: number) => {
  const message = `a number from ${least} to ${most}, such as ${fallback}`;
  return z.number(message).min(least, message).max(most, message).default(fallback);
};
const oneOf = <const Choices extends readonly [string, ...string[]]>(choices: Choices, fallback: Choices[number]) =>
  z.enum(choices, `one of ${choices.join(', ')}`).default(fallback as z.util.NoUndefined<Choices[number]>);
const flag = (fallback: boolean) => z.boolean('true or false').default(fallback);
const id = (what: string) => {
  const message = `${what}: 1 to 64 characters of [A-Za-z0-9._:-]`;
  return z.string(message).regex(ID_PATTERN, message);
};
const text = (message: string, accepts: (value: string) => boolean) => z.string(message).refine(accepts, message);

/** Milliseconds in a day; also the longest that most waits may be set to. */
const DAY_MS = 86_400_000;
/** Node's timers and a uint32 of milliseconds both hold it. */
const LONGEST_MS = 2 ** 31 - 1;
const MIB = 1024 * 1024;

const DATABASE_URLS =
  'sqlite:PATH, mysql://user:password@host:port/database or mariadb://user:password@host:port/database (several hosts: h1:3306,h2:3306)';

const method = text('the full name of a method, such as /stock.v1.StockService/Reserve', isMethod);

const action = z.strictObject({
  name: id('the action as it is called'),
  methods: z.strictObject({ try: method, confirm: method, cancel: method }).optional(),
  callTimeoutMs: z.int('milliseconds, 0 for calls.timeoutMs').min(0).max(LONGEST_MS).default(0),
  tryAttempts: z.int(`from 0 (for calls.tryAttempts) to ${MOST_TRY_ATTEMPTS}`).min(0).max(MOST_TRY_ATTEMPTS).default(0),
});

const participant = z.strictObject({
  name: id('the name that applications call it by'),
  address: text('host:port, such as stock.example:9000', (value) => isAddress(value) && !value.endsWith(':0')),
  actions: z.array(action, 'a list of actions').min(1, 'at least one action').max(MOST_ACTIONS),
});

export const settings = z.strictObject({
  listen: text('host:port to listen on, such as 127.0.0.1:8480 (port 0 takes a free one)', isAddress).default(
    '127.0.0.1:8480',
  ),
  advertise: text(
    'host:port where participants and other coordinators reach this one, such as tccd-1.example:8480',
    (value) => isAddress(value) && !value.endsWith(':0'),
  ).optional(),
  databaseUrl: z.string(DATABASE_URLS).superRefine(checkDatabaseUrl).default('sqlite:tccd.sqlite'),
  coordinatorId: text(
    'a name that no other coordinator has: 1 to 48 characters of [A-Za-z0-9._:-]',
    isCoordinatorId,
  ).optional(),
  database: z.strictObject({
    lanes: whole(1, 64, 2, 'connections that commit batches'),
    batchSize: whole(1, 1_000, 512, 'steps in one commit'),
    connectTimeoutMs: ms(100, 600_000, 5_000),
    queryTimeoutMs: ms(100, 600_000, 10_000),
    onUnavailableAtStart: oneOf(['retry', 'exit'], 'retry'),
    startTimeoutMs: ms(0, DAY_MS, 60_000),
    durability: oneOf(['warn', 'refuse'], 'warn'),
    migrate: flag(true),
  }),
  transactions: z.strictObject({
    timeoutMs: ms(1, LONGEST_MS, 30_000),
    leaseMs: ms(200, 600_000, 5_000),
    scanMs: ms(10, 60_000, 500),
    scanSize: whole(1, 10_000, 500, 'transactions in one scan'),
    retentionMs: ms(60_000, 10 * 365 * DAY_MS, 7 * DAY_MS),
    attentionAfter: whole(1, 1_000_000, 10, 'rounds'),
    parkAfterRefusals: whole(1, 1_000_000, 20, 'refusals'),
  }),
  calls: z.strictObject({
    timeoutMs: ms(1, 600_000, 3_000),
    tryAttempts: whole(1, MOST_TRY_ATTEMPTS, 3, 'calls'),
    fastRetries: whole(0, 100, 2, 'retries'),
    backoff: z.strictObject({
      firstMs: ms(1, LONGEST_LIFETIME_MS, 200),
      factor: fraction(1, 10, 2),
      capMs: ms(1, DAY_MS, 60_000),
      jitter: fraction(0, 1, 0.2),
    }),
    inFlightPerParticipant: whole(1, 100_000, 1_000, 'calls'),
  }),
  limits: z.strictObject({
    messageBytes: whole(SMALLEST_MESSAGE_BYTES, 64 * MIB, 4 * MIB, 'bytes'),
    payloadBytes: whole(0, 15 * MIB, MIB, 'bytes'),
    branches: whole(1, 1_000, 64, 'branches'),
    openTransactions: whole(1, 1_000_000, 20_000, 'transactions'),
    timeoutMs: ms(1, LONGEST_MS, DAY_MS),
    watchers: whole(0, 100_000, 10_000, 'streams'),
  }),
  participants: z.array(participant, 'a list of participants').max(1_000, 'at most 1000 participants').default([]),
  reflection: flag(false),
  drainMs: ms(0, 600_000, 10_000),
  log: z.strictObject({ level: oneOf(['debug', 'info', 'warn', 'error', 'silent'], 'info') }),
});

type Settings = z.infer<typeof settings>;

/** The effective config: whole, checked, frozen. */
export type Config = Readonly<Omit<Settings, 'coordinatorId'>> & { readonly coordinatorId: string };

function checkDatabaseUrl(value: string, context: z.RefinementCtx<string>): void {
  try {
    parseDatabaseUrl(value);
  } catch (error) {
    const why = error instanceof Error ? error.message : 'it cannot be read';
    context.addIssue({ code: 'custom', message: `${DATABASE_URLS}: ${why}` });
  }
}

/** Shorter than other ids: what names this run is added to it. */
function isCoordinatorId(value: string): boolean {
  return value.length <= 48 && ID_PATTERN.test(value);
}
