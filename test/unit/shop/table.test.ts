import { drawTable, wrap } from '../../../samples/shop/demo/table';

describe('the demo’s table', () => {
  test('is as wide as its texts, and wraps where a width is given', () => {
    const columns = [{ title: 'order' }, { title: 'why', width: 8 }, { title: 'took', align: 'right' as const }];
    const drawn = drawTable(columns, [['order-1', 'no stock is left', '5 ms']], (text) => text);
    expect(drawn.split('\n')).toEqual([
      '┌─────────┬──────────┬──────┐',
      '│ order   │ why      │ took │',
      '├─────────┼──────────┼──────┤',
      '│ order-1 │ no stock │ 5 ms │',
      '│         │ is left  │      │',
      '└─────────┴──────────┴──────┘',
    ]);
  });

  test('dyes a cell after it has its width, so that colours move no border', () => {
    const red = (text: string) => `<${text}>`;
    const drawn = drawTable([{ title: 'outcome' }], [[{ text: 'FAILED', dye: red }]], (text) => text);
    expect(drawn).toContain('│ <FAILED > │');
  });

  test('cuts a word that is longer than its column', () => {
    expect(wrap('a 1234567890 b', 4)).toEqual(['a', '1234', '5678', '90 b']);
    expect(wrap('', 4)).toEqual(['']);
  });
});
