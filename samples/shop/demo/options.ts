import { parseArgs } from 'node:util';

export interface DemoOptions {
  /** Stay up until Ctrl-C. */
  readonly keep: boolean;
  /** A flash sale instead of the tour. */
  readonly sale: { readonly buyers: number; readonly stock: number } | undefined;
  /** `mysql://…` of a server on which the demo may create databases; embedded SQLite when undefined. */
  readonly serverUrl: string | undefined;
}

export const usage = `npm run demo                                        every kind of outcome, on embedded SQLite
npm run demo -- --buyers 500 --stock 100            a flash sale
npm run demo -- --keep                              stays up, to be looked at with tccctl
TCC_DATABASE_URL=mysql://root@127.0.0.1:3306 npm run demo    the same on MySQL or MariaDB
`;

/** More buyers than this would need more than a flash sale's patience. */
const MOST_BUYERS = 20_000;

/** Returns undefined when help was asked for. Throws on what it does not understand. */
export function parseOptions(args: readonly string[], env: NodeJS.ProcessEnv): DemoOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      keep: { type: 'boolean', default: false },
      buyers: { type: 'string' },
      stock: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const { buyers, stock } = values;
  const isSale = buyers !== undefined || stock !== undefined;
  return {
    keep: values.keep,
    sale: isSale ? { buyers: count('--buyers', buyers ?? '500'), stock: count('--stock', stock ?? '100') } : undefined,
    serverUrl: serverUrl(env.TCC_DATABASE_URL),
  };
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= MOST_BUYERS) return value;
  throw new Error(`${name} must be a whole number from 1 to ${MOST_BUYERS}`);
}

function serverUrl(url: string | undefined): string | undefined {
  if (url === undefined || url === '' || url.startsWith('sqlite:')) return undefined;
  if (/^(mysql|mariadb):\/\//.test(url)) return url;
  throw new Error('TCC_DATABASE_URL must be a mysql:// URL, or unset for embedded SQLite');
}
