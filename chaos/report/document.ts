import { readFileSync, writeFileSync } from 'node:fs';

/** Puts a text into a document, between its marks `<!-- NAME -->` and `<!-- /NAME -->`. Throws without them. */
export function putBetween(file: string, name: string, inside: string): void {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const text = readFileSync(file, 'utf8');
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${file} has no marks ${begin} and ${end}`);
  writeFileSync(file, `${text.slice(0, from + begin.length)}\n\n${inside.trim()}\n\n${text.slice(to)}`);
}
