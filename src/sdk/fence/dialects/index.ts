import { mysqlStatements } from './mysql';
import { postgresStatements } from './postgres';
import { sqliteStatements } from './sqlite';
import type { FenceStatements } from './statements';

/** Whose SQL the fence speaks. `mysql` covers MariaDB. */
export type FenceDialect = 'mysql' | 'sqlite' | 'postgres';

/** One table's statements, by dialect. */
export const dialects: Readonly<Record<FenceDialect, (table: string) => FenceStatements>> = {
  mysql: mysqlStatements,
  sqlite: sqliteStatements,
  postgres: postgresStatements,
};
