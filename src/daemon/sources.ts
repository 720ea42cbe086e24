import { parseArgs } from 'node:util';
import { parse, parseDocument } from 'yaml';
import { z } from 'zod';

import { nearest } from './nearest';
import { settings } from './settings';

/** One setting: its path, its schema, and the names by which flags and the environment set it. */
export interface Setting {
  /** 'transactions.leaseMs' */
  readonly path: string;
  /** '--transactions-lease-ms' */
  readonly flag: string;
  /** 'TCC_TRANSACTIONS_LEASE_MS' */
  readonly env: string;
  readonly kind: 'boolean' | 'number' | 'text' | 'list';
  readonly schema: z.ZodType;
}

/** A value as it was found, and where. */
export interface Found {
  readonly value: unknown;
  /** 'flag --listen', 'env TCC_LISTEN', 'file tccd.yaml' */
  readonly source: string;
}

export interface Source {
  readonly found: ReadonlyMap<string, Found>;
  readonly faults: readonly string[];
}

export const allSettings: readonly Setting[] = collect(settings, []);

/** What a setting is when nobody says anything; undefined when that is worked out at the start. */
export function defaultOf(path: string): unknown {
  return allSettings.find((setting) => setting.path === path)?.schema.safeParse(undefined).data;
}

/** Reads `--name value`, `--name=value`, `--switch` and `--no-switch`. */
export function readFlags(args: readonly string[]): Source & { readonly words: readonly string[] } {
  const found = new Map<string, Found>();
  const faults: string[] = [];
  const words: string[] = [];
  const byName = new Map(allSettings.map((setting) => [setting.flag.slice(2), setting]));
  const options = Object.fromEntries(
    [...byName].map(([name, { kind }]) => [name, { type: kind === 'boolean' ? 'boolean' : 'string' }] as const),
  );
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const negated = token.rawName.startsWith('--no-');
    const setting = byName.get(negated ? token.name.slice(3) : token.name);
    if (setting === undefined || (negated && setting.kind !== 'boolean')) {
      faults.push(
        unknown(
          `flag ${token.rawName}`,
          token.rawName,
          allSettings.map(({ flag }) => flag),
        ),
      );
    } else if (token.value === undefined && setting.kind !== 'boolean') {
      faults.push(`flag ${token.rawName} has no value; write ${setting.flag} VALUE`);
    } else {
      const value = token.value === undefined ? !negated : typed(setting.kind, token.value);
      found.set(setting.path, { value, source: `flag ${setting.flag}` });
    }
  }
  return { found, faults, words };
}

/**
 * Reads TCC_ variables. One that nearly matches a setting is a fault; others are left alone, because tools and
 * orchestrators put variables of their own under short prefixes.
 */
export function readEnv(env: Readonly<Record<string, string | undefined>>): Source {
  const found = new Map<string, Found>();
  const faults: string[] = [];
  const names = allSettings.map((setting) => setting.env);
  for (const setting of allSettings) {
    const value = env[setting.env];
    if (value === undefined || value === '') continue;
    found.set(setting.path, { value: typed(setting.kind, value), source: `env ${setting.env}` });
  }
  for (const name of Object.keys(env)) {
    if (!name.startsWith('TCC_') || names.includes(name) || name === 'TCC_CONFIG') continue;
    const meant = nearest(
      name.slice(4),
      names.map((known) => known.slice(4)),
    );
    if (meant !== undefined) faults.push(`env ${name} is unknown; did you mean TCC_${meant}?`);
  }
  return { found, faults };
}

/** Reads a YAML file's text. */
export function readYaml(text: string, file: string): Source {
  const found = new Map<string, Found>();
  const document = parseDocument(text);
  const faults = document.errors.map((error) => `file ${file}: ${error.message.split('\n')[0] ?? 'is no YAML'}`);
  if (faults.length > 0) return { found, faults };
  let root: unknown;
  try {
    root = document.toJS();
  } catch (error) {
    return { found, faults: [`file ${file}: ${error instanceof Error ? error.message : 'is no YAML'}`] };
  }
  walk(root ?? {}, [], { found, faults, source: `file ${file}` });
  return { found, faults };
}

interface Walk {
  readonly found: Map<string, Found>;
  readonly faults: string[];
  readonly source: string;
}

function walk(value: unknown, path: readonly string[], into: Walk): void {
  const prefix = path.join('.');
  if (!isMapping(value)) {
    into.faults.push(`${prefix === '' ? 'the config' : prefix} (${into.source}): write a mapping of settings`);
    return;
  }
  const here = path.length === 0 ? allSettings : allSettings.filter((setting) => setting.path.startsWith(`${prefix}.`));
  const keys = [...new Set(here.map((setting) => setting.path.split('.')[path.length] ?? ''))];
  for (const [key, child] of Object.entries(value)) {
    const full = [...path, key].join('.');
    if (!keys.includes(key)) into.faults.push(unknown(`${full} (${into.source})`, key, keys));
    else if (allSettings.some((setting) => setting.path === full)) {
      // An empty value (`listen:`) leaves the default, as an empty variable does.
      if (child !== null) into.found.set(full, { value: child, source: into.source });
    } else if (child !== null) walk(child, [...path, key], into);
  }
}

/** "X is unknown; did you mean Y?" */
export function unknown(what: string, name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  return `${what} is unknown${meant === undefined ? '' : `; did you mean ${meant}?`}`;
}

function collect(schema: z.ZodObject, path: readonly string[]): Setting[] {
  return Object.entries(schema.shape).flatMap(([key, child]) => {
    const here = [...path, key];
    return child instanceof z.ZodObject ? collect(child, here) : [setting(here, child as z.ZodType)];
  });
}

function setting(path: readonly string[], schema: z.ZodType): Setting {
  const words = path.flatMap((key) => key.split(/(?=[A-Z])/)).map((word) => word.toLowerCase());
  return {
    path: path.join('.'),
    flag: `--${words.join('-')}`,
    env: `TCC_${words.join('_').toUpperCase()}`,
    kind: kindOf(schema),
    schema,
  };
}

function kindOf(schema: unknown): Setting['kind'] {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional) return kindOf(schema.unwrap());
  if (schema instanceof z.ZodBoolean) return 'boolean';
  if (schema instanceof z.ZodNumber) return 'number';
  return schema instanceof z.ZodArray ? 'list' : 'text';
}

/** Flags and variables are text; what does not read as the setting's kind stays text, and the schema refuses it. */
function typed(kind: Setting['kind'], text: string | boolean): unknown {
  if (typeof text === 'boolean' || kind === 'text') return text;
  if (kind === 'number') return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
  if (kind === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  try {
    return parse(text);
  } catch {
    return text;
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
