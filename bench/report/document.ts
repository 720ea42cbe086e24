import { readFileSync, writeFileSync } from 'node:fs';

import type { Figure } from '../lab/lab';
import { valueOf } from './table';

/** Puts a table of the figures into a document, between its marks `<!-- NAME -->` and `<!-- /NAME -->`. Throws without them. */
export function putInto(
  file: string,
  name: string,
  surroundings: { readonly at: string; readonly cpu: string; readonly memoryGiB: number; readonly node: string } & {
    readonly databases: readonly string[];
  },
  figures: readonly (Figure & { readonly server: string })[],
): void {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const text = readFileSync(file, 'utf8');
  const [before, rest] = splitAt(text, begin, file);
  const [, after] = splitAt(rest, end, file);
  const { at, cpu, memoryGiB, node, databases } = surroundings;
  const where = `${at.slice(0, 10)}, ${cpu}, ${memoryGiB} GiB, Node ${node}; ${databases.join('; ')}.`;
  const rows = figures.map(
    (figure) =>
      `| ${figure.name} | ${figure.server} | ${valueOf(figure)} | ${figure.goal ?? ''} | ${wordOf(figure)} | ${figure.note} |`,
  );
  const table = [
    '| figure | on | value | must reach | | behind it |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
  ];
  writeFileSync(file, `${before}${begin}\n\n${where}\n\n${table.join('\n')}\n\n${end}${after}`);
}

function splitAt(text: string, mark: string, file: string): [string, string] {
  const at = text.indexOf(mark);
  if (at < 0) throw new Error(`${file} has no mark ${mark}`);
  return [text.slice(0, at), text.slice(at + mark.length)];
}

function wordOf({ met }: Figure): string {
  return met === undefined ? '' : met ? 'met' : '**not met**';
}
