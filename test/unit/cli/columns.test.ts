import pc from 'picocolors';

import { columns } from '../../../src/cli/render/columns';

const look = (color: boolean) => ({ nowMs: 0, colors: pc.createColors(color) });

describe('columns', () => {
  it('line up whatever is coloured, and leave no blanks at the end of a line', () => {
    const { green } = pc.createColors(true);
    expect(columns(['A', 'B', 'C'], [[green('long'), 'x', 'y']], look(false))).toBe(
      `A     B  C\n${green('long')}  x  y`,
    );
  });

  it('count two for East Asian characters', () => {
    expect(columns(['AAAA', 'B'], [['库存', 'x']], look(false))).toBe('AAAA  B\n库存  x');
  });

  it('stay quick for a hundred thousand lines', () => {
    const row = ['order-1', 'place-order', 'CONFIRMED', '5m', '0', '-', '-'];
    // Of this process's own time: the machine may have other things to do.
    const before = process.cpuUsage();
    columns([...row], Array<string[]>(100_000).fill(row), look(false));
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(5_000);
  });
});
