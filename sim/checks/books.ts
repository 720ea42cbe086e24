/** What must be true of the participants' books: I10 at each of their commits, I7 once everything is over. */
import type { Coverage } from '../kernel/coverage';
import type { Trace } from '../kernel/trace';
import type { BranchBooks } from '../machines/fence-database';
import type { JournalRows } from './rows';

export interface BooksDeps {
  readonly rows: JournalRows;
  readonly coverage: Coverage;
  readonly trace: Trace;
  readonly broken: (text: string) => void;
  /** The books of a branch at its participant. */
  readonly booksOf: (participant: string, gid: string, branchId: string) => BranchBooks;
}

export class BooksChecks {
  private readonly deps: BooksDeps;

  constructor(deps: BooksDeps) {
    this.deps = deps;
  }

  committed(
    participant: string,
    { gid, branchId }: { readonly gid: string; readonly branchId: string },
    { fence, effects }: BranchBooks,
  ): void {
    const { rows, trace, broken } = this.deps;
    const { tried, confirmed, cancelled } = effects;
    const says = (text: string) => broken(`I10: ${gid} ${branchId} at ${participant} ${text}`);
    trace.note(participant, `${gid} ${branchId} is ${String(fence)} ${tried}/${confirmed}/${cancelled}`);
    if (tried > 1 || confirmed > 1 || cancelled > 1) says(`took effect ${tried}/${confirmed}/${cancelled} times`);
    if (confirmed > tried) says('is confirmed without a Try');
    const row = cancelled > tried ? rows.branch(gid, branchId) : undefined;
    if (row !== undefined && row['action'] !== 'outside') says('is cancelled without a Try');
    if (confirmed + cancelled > 1) says('is confirmed and cancelled');
    if (fence === 'TRIED' && (tried !== 1 || confirmed + cancelled > 0))
      says('is fenced as TRIED, and its books say otherwise');
    if (fence === 'CONFIRMED' && confirmed !== 1) says('is fenced as CONFIRMED, and its books say otherwise');
    if (fence === 'CANCELLED' && tried > cancelled) says('is fenced as CANCELLED, and its Try still stands');
  }

  /** When everything is over: each transaction's books are as its decision says. */
  atRest(): void {
    const { rows } = this.deps;
    for (const row of rows.all()) {
      const gid = String(row['gid']);
      for (const branch of rows.branchesOf(gid)) this.branchAtRest(gid, branch);
    }
  }

  private branchAtRest(gid: string, branch: Readonly<Record<string, unknown>>): void {
    const { rows, broken, booksOf } = this.deps;
    const branchId = String(branch['branch_id']);
    const { fence, effects } = booksOf(String(branch['participant']), gid, branchId);
    const status = rows.status(gid);
    const { tried, confirmed, cancelled } = effects;
    const isRight =
      status === 'CONFIRMED'
        ? confirmed === 1 && cancelled === 0
        : confirmed === 0 && fence !== 'TRIED' && cancelled >= tried;
    if (!isRight)
      broken(
        `I7: ${gid} is ${String(status)} at rest, and ${branchId} is ${String(fence)} ${tried}/${confirmed}/${cancelled}`,
      );
  }
}
