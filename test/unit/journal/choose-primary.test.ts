import { choosePrimary, type Candidate } from '../../../src/journal/choose-primary';
import type { Flavour, HostAnswer } from '../../../src/journal/host-probe';

const group = (view: string, isSinglePrimary = true): Flavour => ({ kind: 'group', name: 'g', view, isSinglePrimary });
const galera: Flavour = { kind: 'galera', name: 'c' };
const plain: Flavour = { kind: 'plain' };

const writable = (flavour: Flavour): HostAnswer => ({ kind: 'writable', flavour, aheadMs: 0 });
const refusing: HostAnswer = { kind: 'refusing', why: 'read_only is on' };
const silent: HostAnswer = { kind: 'silent', why: 'ECONNREFUSED' };

/** Hosts a, b and c. */
const hosts = (...answers: (HostAnswer | undefined)[]): Candidate[] =>
  answers.map((answer, index) => ({ name: 'abc'.charAt(index), answer }));

describe('of several database hosts', () => {
  test('the one that takes writes is the primary', () => {
    expect(choosePrimary(hosts(refusing, silent, writable(plain)), undefined)).toMatchObject({ host: { name: 'c' } });
  });

  test('none is it while none takes writes, and it is said why of each', () => {
    expect(choosePrimary(hosts(refusing, silent, undefined), undefined)).toEqual({
      kind: 'none',
      why: 'a: read_only is on; b: ECONNREFUSED; c: no answer yet',
    });
  });

  test('two that take writes outside of a cluster are an error, and the one in use stays (C4)', () => {
    const both = hosts(writable(plain), writable(plain));
    expect(choosePrimary(both, undefined)).toMatchObject({
      kind: 'several',
      why: expect.stringContaining('a and b take writes') as string,
    });
    expect(choosePrimary(both, both[1])).toMatchObject({ host: { name: 'b' } });
  });

  test('a member that was started outside of its group does not count (C1)', () => {
    expect(choosePrimary(hosts(writable(plain), silent), undefined, { cluster: 'g' })).toMatchObject({
      kind: 'none',
      why: expect.stringContaining('a: not of the cluster') as string,
    });
  });

  test('members of different clusters are an error', () => {
    expect(choosePrimary(hosts(writable(group('1')), writable(galera)), undefined)).toMatchObject({ kind: 'several' });
  });

  test('a primary that was replaced while it stood still does not count, also as the one in use (C2)', () => {
    const both = hosts(writable(group('3')), writable(group('4')));
    expect(choosePrimary(both, both[0], { cluster: 'g', newestView: '4' })).toMatchObject({ host: { name: 'b' } });
    const alone = hosts(writable(group('3')), refusing);
    expect(choosePrimary(alone, alone[0], { cluster: 'g', newestView: '4' })).toMatchObject({ kind: 'none' });
  });

  test.each([
    ['galera', galera],
    ['a group with many primaries', group('1', false)],
  ])('where every member takes writes (%s), the one in use stays, else the first is it (C3)', (_name, flavour) => {
    const all = hosts(silent, writable(flavour), writable(flavour));
    expect(choosePrimary(all, undefined)).toMatchObject({ host: { name: 'b' } });
    expect(choosePrimary(all, all[2])).toMatchObject({ host: { name: 'c' } });
    expect(choosePrimary(all, all[0])).toMatchObject({ host: { name: 'b' } });
  });
});
