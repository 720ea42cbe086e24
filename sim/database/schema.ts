import { readMigrations } from '../../src/journal/migrations';
import { type Column, Table } from './store';

/** Reads the tables that the journal's own migrations create, so that the simulated database cannot drift from them. */
export function tablesOfMigrations(): ReadonlyMap<string, Table> {
  const tables = new Map<string, Table>();
  for (const { columns, key, name } of definitions()) tables.set(name, new Table(name, columns, key));
  return tables;
}

interface Definition {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly key: readonly string[];
}

let read: readonly Definition[] | undefined;

function definitions(): readonly Definition[] {
  read ??= readMigrations('mysql').flatMap(({ sql }) => definitionOf(sql));
  return read;
}

function definitionOf(sql: string): readonly Definition[] {
  const name = /CREATE TABLE (?:IF NOT EXISTS )?(\w+) \(/.exec(sql)?.[1];
  const key = /PRIMARY KEY \(([^)]*)\)/.exec(sql)?.[1]?.split(/,\s*/);
  if (name === undefined || key === undefined) return [];
  const columns: Column[] = [];
  for (const line of sql.split('\n')) {
    const [, column, type, rest = ''] = /^ {2}(\w+) +([A-Z]+(?:\(\d+\))?)(.*?),?$/.exec(line) ?? [];
    if (column === undefined || type === undefined || /^(PRIMARY|KEY|UNIQUE)$/.test(column)) continue;
    const length = /^VARCHAR\((\d+)\)/.exec(type)?.[1];
    const nullable = !rest.includes('NOT NULL') && !key.includes(column);
    columns.push({ name: column, nullable, length: length === undefined ? undefined : Number(length) });
  }
  return [{ name, columns, key }];
}
