/** What a roster may hold: it knows its place there. */
export interface Placed {
  /** NOWHERE while it is in no roster. Only a roster writes it. */
  place: number;
}

export const NOWHERE = -1;

/**
 * Who is there now, of those that come and go thousands of times a second: a list in which each knows its place, and gives it to the
 * last one when it leaves. A Set would do the same, for the price that churn-map.ts tells of. The order means nothing.
 */
export class Roster<Member extends Placed> {
  private readonly members: Member[] = [];

  get size(): number {
    return this.members.length;
  }

  /** Adds one that is in no roster. */
  add(member: Member): void {
    member.place = this.members.push(member) - 1;
  }

  /** Takes it out; one that is not here is left alone. */
  delete(member: Member): void {
    const { place } = member;
    if (place === NOWHERE) return;
    const last = this.members.pop();
    if (last !== undefined && last !== member) {
      this.members[place] = last;
      last.place = place;
    }
    member.place = NOWHERE;
  }

  /** Those who are there now, whoever comes and goes meanwhile. */
  all(): readonly Member[] {
    return [...this.members];
  }
}
