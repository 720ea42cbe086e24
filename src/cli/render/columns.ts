import { stripVTControlCharacters } from 'node:util';

import type { Look } from './look';

/**
 * Columns without borders, so that they can be cut and pasted. Laid out here, in one pass: cli-table3 takes half a second for
 * 1,000 lines and grows with their square, and `list --all` prints up to 100,000.
 */
export function columns(head: readonly string[], rows: readonly (readonly string[])[], { colors }: Look): string {
  const lines = [head.map((title) => colors.dim(title)), ...rows];
  const widths = head.map((_, column) =>
    lines.reduce((widest, line) => Math.max(widest, width(line[column] ?? '')), 0),
  );
  return lines.map((line) => layOut(line, widths)).join('\n');
}

const GAP = '  ';

function layOut(line: readonly string[], widths: readonly number[]): string {
  const cells = line.map((cell, column) => {
    const last = column === line.length - 1;
    return last ? cell : cell + ' '.repeat((widths[column] ?? 0) - width(cell));
  });
  return cells.join(GAP);
}

/** How many columns of a terminal a text takes: none for colour codes, two for East Asian characters and emoji. */
function width(text: string): number {
  const shown = stripVTControlCharacters(text);
  if (/^[\u0020-\u007e]*$/.test(shown)) return shown.length;
  return Array.from(shown).reduce((total, character) => total + (WIDE.test(character) ? 2 : 1), 0);
}

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
