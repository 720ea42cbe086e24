import { AVOID_MS, Balancer } from '../../../src/invoker/target';
import { FakeClock } from './fake-clock';

describe('Balancer', () => {
  const all = ['a', 'b', 'c'].map((key) => ({ key }));
  let clock: FakeClock;
  let balancer: Balancer;

  beforeEach(() => {
    clock = new FakeClock();
    balancer = new Balancer(clock);
  });

  const choose = () => balancer.choose(all)?.key;

  it('takes turns among equals', () => {
    expect([1, 2, 3, 4, 5, 6].map(choose)).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
  });

  it('takes the one with the least in flight', () => {
    for (const key of ['a', 'a', 'b', 'b', 'c']) balancer.began(key);
    expect([1, 2].map(choose)).toEqual(['c', 'c']);
    balancer.ended('a', true);
    balancer.ended('a', true);
    expect(choose()).toBe('a');
  });

  it('avoids what could not be reached for a while, however idle it is', async () => {
    balancer.began('a');
    balancer.ended('a', false);
    for (const key of ['b', 'c']) balancer.began(key);
    expect([1, 2, 3].map(choose)).toEqual(['b', 'c', 'b']);
    await clock.pass(AVOID_MS);
    expect(choose()).toBe('a');
  });

  it('takes what could not be reached when nothing else is there, and avoids it no more once it answers', () => {
    for (const { key } of all) {
      balancer.began(key);
      balancer.ended(key, false);
    }
    expect(choose()).toBe('a');
    balancer.began('b');
    balancer.ended('b', true);
    expect([1, 2].map(choose)).toEqual(['b', 'b']);
  });

  it('has nobody to choose from nobody', () => {
    expect(balancer.choose<{ key: string }>([])).toBeUndefined();
  });
});
