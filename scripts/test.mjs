// Everything that must hold: types, lint, format, build, and all suites on real databases. Works in a fresh clone.
//
//   npm test [-- [--suites-only] [--node MAJOR] [JEST ARGUMENT...]]
//
//   --suites-only   only what the suites need: dependencies, build and databases
//   --node MAJOR    the unit and integration suites under another version of Node, which npm installs into .cache
import { fileURLToPath } from 'node:url';
import { parseTestArguments } from './lib/arguments.mjs';
import { ensureDependencies } from './lib/dependencies.mjs';
import { interruption } from './lib/interruption.mjs';
import { mysqlServer } from './lib/mysql-server.mjs';
import { nodeOfVersion } from './lib/other-node.mjs';
import { postgresServer } from './lib/postgres-server.mjs';
import { run, say } from './lib/run.mjs';
import { runSuites } from './lib/suites.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const node = process.execPath;
const bin = (path) => `${root}/node_modules/${path}`;

const checks = [
  { name: 'types', args: [bin('typescript/bin/tsc'), '-p', 'tsconfig.json'] },
  { name: 'lint', args: [bin('eslint/bin/eslint.js'), '.'] },
  { name: 'format', args: [bin('prettier/bin/prettier.cjs'), '--check', '--log-level', 'warn', '.'] },
];

const interrupted = interruption();

try {
  const totals = await test(parseTestArguments(process.argv.slice(2)), interrupted);
  const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : '';
  process.stdout.write(`${totals.passed} passed, ${totals.failed} failed${skipped}\n`);
  process.exitCode ??= totals.failed > 0 ? 1 : 0;
} catch (error) {
  process.stderr.write(`npm test: ${error.message}\n`);
  process.exitCode ??= 1;
}

async function test({ suitesOnly, nodeMajor, jestArguments }, signal) {
  const started = [];
  await ensureDependencies(root, { signal });
  await must('generate', ['scripts/generate.mjs'], signal);
  const failedChecks = suitesOnly ? [] : await runChecks(signal);
  await must('build', [bin('typescript/bin/tsc'), '-p', 'tsconfig.build.json'], signal);
  // Fresh seeds; the suites hold the fixed ones.
  if (!suitesOnly) await must('simulation, 0.9 minutes', ['scripts/sim.mjs', '--minutes', '0.9'], signal);
  const other = nodeMajor === undefined ? undefined : await nodeOfVersion(root, nodeMajor, { signal });
  try {
    const env = { ...process.env, ...(await databases(started, signal)) };
    say(`suites under Node ${other?.version ?? process.version}`);
    const totals = await runSuites({ root, node: other?.program ?? node, args: jestArguments, env, signal });
    if (failedChecks.length > 0) say(`failed as well: ${failedChecks.join(', ')}`);
    return { ...totals, failed: totals.failed + failedChecks.length };
  } finally {
    for (const server of started.reverse()) await server.stop();
  }
}

async function runChecks(signal) {
  const failed = [];
  for (const { name, args } of checks) {
    say(name);
    if ((await run(node, args, { cwd: root, signal })) !== 0) failed.push(name);
  }
  return failed;
}

async function must(name, args, signal) {
  say(name);
  if ((await run(node, args, { cwd: root, signal })) !== 0) throw new Error(`${name} failed, so no suite was run`);
}

/** The variables that tell the suites where their servers are. */
async function databases(started, signal) {
  const mysql = await mysqlServer({ signal, say });
  started.push(mysql);
  say(`MySQL family: ${mysql.description}`);
  const postgres = await postgresServer({ signal });
  if (postgres.missing !== undefined) {
    say(`the PostgreSQL fence suite is left out: ${postgres.missing}`);
    return { TCC_TEST_MYSQL_URL: mysql.url };
  }
  started.push(postgres);
  say(`PostgreSQL: ${postgres.description}`);
  return { TCC_TEST_MYSQL_URL: mysql.url, TCC_TEST_POSTGRES_URL: postgres.url };
}
