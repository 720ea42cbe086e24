/** A cell: its text, and how each of its lines is dyed once it has its width. */
export interface Cell {
  readonly text: string;
  readonly dye?: (line: string) => string;
}

export interface Column {
  readonly title: string;
  /** Characters; longer texts go on in the next line. Default: as wide as the longest text. */
  readonly width?: number;
  readonly align?: 'left' | 'right';
}

/** Draws a table with borders, for people. */
export function drawTable(
  columns: readonly Column[],
  rows: readonly (readonly (string | Cell)[])[],
  bold: (text: string) => string,
): string {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? { text: cell } : cell)));
  const widths = columns.map(
    ({ title, width }, index) => width ?? Math.max(title.length, ...cells.map((row) => row[index]?.text.length ?? 0)),
  );
  const rule = (left: string, middle: string, right: string): string =>
    left + widths.map((width) => '─'.repeat(width + 2)).join(middle) + right;

  const draw = (row: readonly Cell[]): string[] => {
    const wrapped = row.map(({ text }, index) => wrap(text, widths[index] ?? text.length));
    const height = Math.max(...wrapped.map((lines) => lines.length));
    return Array.from({ length: height }, (_, line) => {
      const parts = row.map(({ dye = plain }, index) => {
        const text = wrapped[index]?.[line] ?? '';
        const width = widths[index] ?? text.length;
        return dye(columns[index]?.align === 'right' ? text.padStart(width) : text.padEnd(width));
      });
      return `│ ${parts.join(' │ ')} │`;
    });
  };

  const head = draw(columns.map(({ title }) => ({ text: title, dye: bold })));
  const body = cells.flatMap((row) => [rule('├', '┼', '┤'), ...draw(row)]);
  return [rule('┌', '┬', '┐'), ...head, ...body, rule('└', '┴', '┘')].join('\n');
}

const plain = (text: string): string => text;

/** Breaks a text at its spaces so that no line is longer than `width`; a longer word is cut. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (longer.length <= width) {
      line = longer;
      continue;
    }
    if (line !== '') lines.push(line);
    line = word;
    while (line.length > width) {
      lines.push(line.slice(0, width));
      line = line.slice(width);
    }
  }
  return [...lines, line];
}
