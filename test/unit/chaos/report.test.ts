import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Fault } from '../../../chaos/faults/fault';
import { faults } from '../../../chaos/faults';
import { seeded, shuffled } from '../../../chaos/lab/chance';
import { longestGapMs } from '../../../chaos/load/outage';
import { commandOf, parseOptions } from '../../../chaos/options';
import { putBetween } from '../../../chaos/report/document';
import { markdownOf, rowOf } from '../../../chaos/report/rows';
import type { Strike } from '../../../chaos/run';

const fault: Fault = {
  name: 'lightning',
  goal: { words: '<= its own restart + 1 s', limitMs: (ownMs) => ownMs + 1_000 },
  strike: () => Promise.resolve({ times: 1, whom: 'the tower' }),
};

function struck(gapMs: number, ownMs: number, violations: readonly string[] = []): Strike {
  const limitMs = fault.goal?.limitMs(ownMs);
  return { fault, struck: { times: 1, whom: 'the tower', ownMs }, gapMs, luckierGapMs: gapMs / 2, limitMs, violations };
}

describe('the longest time without a success', () => {
  it('may begin before the strike and reach beyond the last success', () => {
    expect(longestGapMs([100, 900, 1_000], 500, 1_100)).toBe(800);
    expect(longestGapMs([100, 600, 700], 500, 2_000)).toBe(1_300);
    expect(longestGapMs([], 500, 2_000)).toBe(1_500);
  });
});

describe('a line of the table', () => {
  it('has a missed goal when one strike of several missed its own limit', () => {
    expect(rowOf(fault, [struck(1_500, 600), struck(1_700, 600)], undefined)).toMatchObject({
      strikes: 2,
      hits: 2,
      longestGapMs: 1_700,
      isMet: false,
    });
    expect(rowOf(fault, [struck(1_500, 600), struck(1_900, 1_000)], undefined).isMet).toBe(true);
  });

  it('says why a fault did not strike, and neither meets nor misses its goal then', () => {
    const row = rowOf(fault, [], 'no storm');
    expect(row.isMet).toBeUndefined();
    expect(markdownOf([row])).toContain('| lightning | – | – | not struck here: no storm |');
  });

  it('shows the longest and the median time, and whose goal it is', () => {
    const ours: Fault = { ...fault, goal: { words: '<= 4 s', isOurs: true, limitMs: () => 4_000 } };
    const strikes = [1_000, 3_000, 2_000].map((gapMs) => ({ ...struck(gapMs, 500), fault: ours, limitMs: 4_000 }));
    expect(markdownOf([rowOf(ours, strikes, undefined)])).toContain(
      '| lightning | 3 | 3 | 3.00 s | 2.00 s | 1.50 s | 0.50 s | <= 4 s (ours) | met | 0 |',
    );
  });

  it('keeps the words of every violation', () => {
    expect(rowOf(fault, [struck(1, 1, ['a', 'b']), struck(1, 1, ['c'])], undefined).violations).toEqual([
      'a',
      'b',
      'c',
    ]);
  });
});

test('a seed gives the same order of faults again', () => {
  const names = (seed: number) => shuffled(faults, seeded(seed)).map(({ name }) => name);
  expect(names(7)).toEqual(names(7));
  expect(names(7)).not.toEqual(names(8));
  expect(new Set(names(7)).size).toBe(faults.length);
});

test('a run of few minutes strikes the short choice, unless it is told otherwise', () => {
  expect(parseOptions(['--minutes', '1'])).toMatchObject({ isShort: true, runMs: 60_000 });
  expect(parseOptions(['--minutes', '30'])).toMatchObject({ isShort: false });
  expect(parseOptions(['--minutes', '1', '--all'])).toMatchObject({ isShort: false });
  expect(() => parseOptions(['--minute', '1'])).toThrow('--minute is unknown');
});

test('a run says which command repeats it, without the names of programs of this machine', () => {
  const command = (...args: readonly string[]) => {
    const options = parseOptions([...args, '--seed', '7']);
    if (typeof options === 'string') throw new Error(options);
    return commandOf(options, options.clusterProgram !== undefined);
  };
  expect(command('--minutes', '30', '--cluster', '/a/tool', '--json', 'x')).toBe(
    'npm run chaos -- --minutes 30 --cluster PROGRAM --seed 7',
  );
  expect(command('--minutes', '5', '--all')).toBe('npm run chaos -- --minutes 5 --all --seed 7');
  expect(command('--only', 'reset')).toBe("npm run chaos -- --minutes 1 --only 'reset' --seed 7");
});

test('a table replaces the one between its marks, and nothing else', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tcc-marks-'));
  const file = join(folder, 'document.md');
  try {
    writeFileSync(file, 'before\n<!-- chaos -->\nold\n<!-- /chaos -->\nafter\n');
    putBetween(file, 'chaos', 'new');
    putBetween(file, 'chaos', 'newer');
    expect(readFileSync(file, 'utf8')).toBe('before\n<!-- chaos -->\n\nnewer\n\n<!-- /chaos -->\nafter\n');
    expect(() => putBetween(file, 'others', 'new')).toThrow('has no marks');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
