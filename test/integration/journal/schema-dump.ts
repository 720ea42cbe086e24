import type { Database, Row } from '../../../src/journal/database';

/** The schema as SQL text, in a form that every server of the family prints alike. */
export function dumpSchema(database: Database): Promise<string> {
  return database.dialect.name === 'sqlite' ? dumpSqlite(database) : dumpMysql(database);
}

function dumpSqlite(database: Database): Promise<string> {
  return database.session(async (connection) => {
    const rows = await connection.read('SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type DESC, name');
    return rows.map((row) => `${String(row['sql'])};\n`).join('\n');
  });
}

const COLUMNS = `
  SELECT table_name AS t, column_name AS c, column_type AS type, is_nullable AS nullable, collation_name AS collation_of
  FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position`;

const KEYS = `
  SELECT table_name AS t, index_name AS name, non_unique AS non_unique, column_name AS c
  FROM information_schema.statistics WHERE table_schema = DATABASE()
  ORDER BY table_name, index_name = 'PRIMARY' DESC, index_name, seq_in_index`;

function dumpMysql(database: Database): Promise<string> {
  return database.session(async (connection) => {
    const columns = grouped(await connection.read(COLUMNS), 't');
    const keys = grouped(await connection.read(KEYS), 't');
    return [...columns]
      .map(([table, rows]) => {
        const lines = [...rows.map(columnLine), ...[...grouped(keys.get(table) ?? [], 'name')].map(keyLine)];
        return `CREATE TABLE ${table} (\n${lines.map((line) => `  ${line}`).join(',\n')}\n);\n`;
      })
      .join('\n');
  });
}

/** MariaDB prints display widths (bigint(20)), MySQL does not. */
function columnLine(row: Row): string {
  const type = String(row['type']).replace(/^(tinyint|int|bigint)\(\d+\)/, '$1');
  const collation = row['collation_of'] === null ? '' : ` COLLATE ${String(row['collation_of'])}`;
  return `${String(row['c'])} ${type}${collation} ${row['nullable'] === 'YES' ? 'NULL' : 'NOT NULL'}`;
}

function keyLine([name, rows]: [string, readonly Row[]]): string {
  const columns = rows.map((row) => String(row['c'])).join(', ');
  return name === 'PRIMARY' ? `PRIMARY KEY (${columns})` : `KEY ${name} (${columns})`;
}

function grouped(rows: readonly Row[], column: string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = String(row[column]);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return groups;
}
