import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Fault } from '../../../chaos/faults/fault';
import { faults } from '../../../chaos/faults';
import { seeded, shuffled } from '../../../chaos/lab/chance';
import { longestGapMs } from '../../../chaos/load/outage';
import { parseOptions } from '../../../chaos/options';
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
  return { fault, struck: { times: 1, whom: 'the tower', ownMs }, gapMs, limitMs, violations };
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
      times: 2,
      longestGapMs: 1_700,
      isMet: false,
    });
    expect(rowOf(fault, [struck(1_500, 600), struck(1_900, 1_000)], undefined).isMet).toBe(true);
  });

  it('says why a fault is not here', () => {
    expect(markdownOf([rowOf(fault, [], 'no storm')])).toContain('| lightning | – | – | not here: no storm |');
  });

  it('counts violations', () => {
    expect(rowOf(fault, [struck(1, 1, ['a', 'b']), struck(1, 1, ['c'])], undefined).violations).toBe(3);
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
