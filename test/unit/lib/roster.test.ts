import fc from 'fast-check';

import { NOWHERE, type Placed, Roster } from '../../../src/lib/roster';

describe('a roster', () => {
  it('holds what a Set holds, whoever leaves first', () => {
    const moves = fc.array(fc.tuple(fc.boolean(), fc.nat(9)), { maxLength: 200 });
    fc.assert(
      fc.property(moves, (all) => {
        const members: readonly Placed[] = Array.from({ length: 10 }, () => ({ place: NOWHERE }));
        const roster = new Roster<Placed>();
        const set = new Set<Placed>();
        for (const [comes, which] of all) {
          const member = members[which] as Placed;
          if (!comes) [roster, set].forEach((each) => each.delete(member));
          else if (!set.has(member)) [roster, set].forEach((each) => each.add(member));
          expect(roster.size).toBe(set.size);
          expect(new Set(roster.all())).toEqual(set);
          expect(members.every((each) => (each.place === NOWHERE) !== set.has(each))).toBe(true);
        }
      }),
    );
  });

  it('who is there is told as it was, whoever leaves meanwhile', () => {
    const roster = new Roster<Placed>();
    const members = [{ place: NOWHERE }, { place: NOWHERE }, { place: NOWHERE }];
    members.forEach((member) => roster.add(member));
    for (const member of roster.all()) roster.delete(member);
    expect([roster.size, members.map(({ place }) => place)]).toEqual([0, [NOWHERE, NOWHERE, NOWHERE]]);
  });
});
