/**
 * The measured promises. BENCH_SERVERS names the database servers as URLs, separated by blanks; scripts/bench.mjs finds or starts
 * them. Exit code 0 when every figure is met, 2 when one is not, 1 when something broke.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { figureGroups, type FigureGroup } from './figures';
import { Processes } from './lab/cluster';
import { DatabaseServer } from './lab/database';
import type { Figure } from './lab/lab';
import { putInto } from './report/document';
import { machine } from './report/machine';
import { showFigure, showTable } from './report/table';
import { type BenchOptions, parseOptions, usage } from './options';

interface Measured extends Figure {
  readonly server: string;
}

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options === 'help') return say(usage);
  if (options === 'list') {
    return say(figureGroups.map(({ name, what }) => `${name.padEnd(12)} ${what}\n`).join(''));
  }
  const servers = await connect(options);
  try {
    const surroundings = { ...machine(), databases: await Promise.all(servers.map(describe)) };
    say(`${JSON.stringify(surroundings, undefined, 2)}\n`);
    const measured: Measured[] = [];
    for (const group of chosen(options)) {
      for (const server of servers.filter((each) => isDue(group, each, servers, options))) {
        const figures = await measure(group, server, options);
        measured.push(...figures.map((figure) => ({ ...figure, server: server.name })));
      }
    }
    say(showTable(measured));
    if (options.jsonFile !== undefined) {
      writeFileSync(options.jsonFile, `${JSON.stringify({ ...surroundings, figures: measured }, undefined, 2)}\n`);
    }
    if (options.document !== undefined) {
      const name = options.dtm === undefined ? 'figures' : 'against-dtm';
      putInto(options.document, name, surroundings, measured);
    }
    return measured.some(({ met }) => met === false) ? 2 : 0;
  } finally {
    for (const server of servers) await server.close();
  }
}

async function connect({ servers }: BenchOptions): Promise<DatabaseServer[]> {
  const urls = (process.env.BENCH_SERVERS ?? '').split(' ').filter(Boolean);
  const connected = await Promise.all(urls.map((url) => DatabaseServer.connect(url)));
  const [wanted, others] = [true, false].map((isWanted) =>
    connected.filter(({ name }) => servers.includes(name) === isWanted),
  );
  for (const server of others ?? []) await server.close();
  if (wanted === undefined || wanted.length === 0) throw new Error('there is no database server: run `npm run bench`');
  return wanted;
}

function chosen({ only, dtm }: BenchOptions): readonly FigureGroup[] {
  if (dtm !== undefined) return figureGroups.filter(({ name }) => name === 'dtm');
  if (only === undefined) return figureGroups.filter(({ byDefault }) => byDefault);
  const wanted = new Set(only.split(','));
  const groups = figureGroups.filter(({ name }) => wanted.delete(name));
  if (wanted.size > 0) throw new Error(`there is no group ${[...wanted].join(', ')}; --list shows them`);
  return groups;
}

function isDue(group: FigureGroup, server: DatabaseServer, all: readonly DatabaseServer[], options: BenchOptions) {
  return group.on === 'each' || server === all[0] || options.full;
}

async function measure(group: FigureGroup, server: DatabaseServer, options: BenchOptions): Promise<readonly Figure[]> {
  const profiling = options.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${options.profile}`];
  const processes = new Processes([...optionsOfTccd(), ...options.nodeOptions, ...profiling]);
  const started = performance.now();
  try {
    const figures = await group.measure({ processes, server, options });
    for (const figure of figures) say(showFigure(figure, server.name));
    return figures;
  } finally {
    await processes.stop();
    await server.dropAll();
    say(`  (${group.name} on ${server.name}: ${((performance.now() - started) / 1000).toFixed(0)} s)\n`);
  }
}

/** With which Node runs the command `tccd`: its first line says so. What it is compared with gets the same. */
function optionsOfTccd(): readonly string[] {
  const [firstLine = ''] = readFileSync(join(__dirname, '../src/bin/tccd.js'), 'utf8').split('\n', 1);
  return firstLine.split(' ').filter((word) => word.startsWith('--'));
}

async function describe(server: DatabaseServer): Promise<string> {
  return `${server.version}, ${await server.durability()}`;
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`bench: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  },
);
