/**
 * The config is read once: flags before environment before file before defaults, checked whole, every fault told at once with where it
 * stands and what to write instead, and then frozen.
 */
import { stringify } from 'yaml';
import type { z } from 'zod';

import { type Config, settings } from './settings';
import { allSettings, type Found, readEnv, readFlags, readYaml, type Setting, unknown } from './sources';

export interface ConfigInput {
  /** The command line after the program's name. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads a text file; throws when it cannot. */
  readonly readFile: (path: string) => string;
  /** What the coordinator is called when nobody named it; unique among all that share a database. */
  readonly defaultCoordinatorId: () => string;
}

/** Everything that is wrong with the config, one sentence each. */
export class ConfigFaults extends Error {
  override readonly name = 'ConfigFaults';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`${faults.length} ${faults.length === 1 ? 'fault' : 'faults'} in the config:\n  ${faults.join('\n  ')}`);
    this.faults = faults;
  }
}

/** The effective config and the words on the command line that are no flags. Throws ConfigFaults. */
export function loadConfig(input: ConfigInput): { readonly config: Config; readonly words: readonly string[] } {
  const { file, args, faults } = takeConfigFlag(input.args);
  const flags = readFlags(args);
  const env = readEnv(input.env);
  const path = file ?? (input.env['TCC_CONFIG'] || undefined);
  const yaml = path === undefined ? undefined : readConfigFile(path, input.readFile);
  faults.push(...flags.faults, ...env.faults, ...(yaml?.faults ?? []));

  const values = new Map<string, unknown>();
  for (const setting of allSettings) {
    const at = setting.path;
    const found = flags.found.get(at) ?? env.found.get(at) ?? yaml?.found.get(at);
    const result = setting.schema.safeParse(found?.value);
    if (result.success) values.set(at, result.data);
    else faults.push(...result.error.issues.map((issue) => leafFault(setting, found, issue)));
  }
  faults.push(...contradictions(values));
  if (faults.length > 0) throw new ConfigFaults(faults);
  values.set('coordinatorId', values.get('coordinatorId') ?? input.defaultCoordinatorId());
  return { config: freeze(settings.parse(nested(values)) as Config), words: flags.words };
}

/** The config as YAML, for people: without secrets. */
export function printConfig(config: Config): string {
  return stringify({ ...config, databaseUrl: maskUrl(config.databaseUrl) });
}

/** A URL as it may be shown: with *** for the password, also in one that is malformed. */
export function maskUrl(url: string): string {
  return url.replace(/(\/\/[^:/?#]*:).*@/s, '$1***@');
}

function takeConfigFlag(args: readonly string[]): { file: string | undefined; args: string[]; faults: string[] } {
  const rest: string[] = [];
  let file: string | undefined;
  const faults: string[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? '';
    if (arg === '--config') {
      index += 1;
      file = args[index];
      if (file === undefined) faults.push('flag --config has no value; write --config FILE');
    } else if (arg.startsWith('--config=')) file = arg.slice('--config='.length);
    else rest.push(arg);
  }
  return { file, args: rest, faults };
}

function readConfigFile(path: string, readFile: ConfigInput['readFile']) {
  try {
    return readYaml(readFile(path), path);
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown reason';
    return { found: new Map<string, Found>(), faults: [`file ${path} cannot be read: ${why}`] };
  }
}

function leafFault(setting: Setting, found: Found | undefined, issue: z.core.$ZodIssue): string {
  const path = issue.path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : `${text}.${String(key)}`),
    setting.path,
  );
  const where = found === undefined ? '' : ` (${found.source})`;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknown(`${path}.${key}${where}`, key, knownBeside(issue.path))).join('; ');
  }
  return `${path}${where}: ${shown(valueAt(found?.value, issue.path))} is not allowed; write ${issue.message}`;
}

/** The keys that a participant's or an action's mapping may have. */
function knownBeside(path: readonly PropertyKey[]): readonly string[] {
  if (path.includes('methods')) return ['try', 'confirm', 'cancel'];
  return path.includes('actions')
    ? ['name', 'methods', 'callTimeoutMs', 'tryAttempts']
    : ['name', 'address', 'actions'];
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<PropertyKey, unknown>)[key] : undefined,
    value,
  );
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = maskUrl(JSON.stringify(value));
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}

/** Settings that are well-formed and do not go together. Those with a fault of their own are passed over. */
function contradictions(values: ReadonlyMap<string, unknown>): string[] {
  const faults: string[] = [];
  const atMost = (small: string, large: string, room = 0) => {
    const [less, more] = [values.get(small), values.get(large)];
    if (typeof less === 'number' && typeof more === 'number' && less + room > more) {
      faults.push(`${small} is ${less} and ${large} is ${more}; write a ${small} of at most ${more - room}`);
    }
  };
  atMost('transactions.timeoutMs', 'limits.timeoutMs');
  atMost('transactions.scanMs', 'transactions.leaseMs');
  atMost('calls.backoff.firstMs', 'calls.backoff.capMs');
  atMost('limits.payloadBytes', 'limits.messageBytes', MESSAGE_ROOM);
  const participants = (values.get('participants') ?? []) as Config['participants'];
  const instances = participants.map(({ name, address }) => `${name} at ${address}`);
  faults.push(...twice(instances, (index) => `participants[${index}]`));
  participants.forEach(({ actions }, index) => {
    const names = actions.map(({ name }) => name);
    faults.push(...twice(names, (at) => `participants[${index}].actions[${at}].name`));
  });
  return faults;
}

/** What a message holds beside one payload: ids, content type, framing. */
const MESSAGE_ROOM = 16 * 1024;

function twice(names: readonly string[], pathOf: (index: number) => string): string[] {
  return names.flatMap((name, index) => {
    const first = names.indexOf(name);
    return first === index ? [] : [`${pathOf(index)} is the same as ${pathOf(first)}; write another`];
  });
}

function nested(values: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [path, value] of values) {
    if (value === undefined) continue;
    const keys = path.split('.');
    const last = keys.pop() ?? '';
    let group = root;
    for (const key of keys) group = (group[key] ??= {}) as Record<string, unknown>;
    group[last] = value;
  }
  return root;
}

function freeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) {
    for (const child of Object.values(value)) freeze(child);
    Object.freeze(value);
  }
  return value;
}
