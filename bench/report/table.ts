import Table from 'cli-table3';
import pc from 'picocolors';

import type { Figure } from '../lab/lab';

export function showFigure(figure: Figure, server: string): string {
  return `  ${server}: ${figure.name}: ${valueOf(figure)} ${wordOf(figure)}\n    ${figure.note}\n`;
}

export function showTable(figures: readonly (Figure & { readonly server: string })[]): string {
  const table = new Table({ head: ['figure', 'on', 'value', 'must reach', ''], style: { head: [], border: [] } });
  for (const figure of figures) {
    table.push([figure.name, figure.server, valueOf(figure), figure.goal ?? '', wordOf(figure)]);
  }
  return `${table.toString()}\n`;
}

/** With as many digits as mean something. */
export function valueOf({ value, unit }: Figure): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 3;
  return `${value.toFixed(digits)}${unit === '' ? '' : ` ${unit}`}`;
}

function wordOf({ met }: Figure): string {
  if (met === undefined) return '';
  return met ? pc.green('met') : pc.red('NOT MET');
}
