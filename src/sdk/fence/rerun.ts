/** Reruns of one local transaction. One is enough where calls of one branch met; and the coordinator repeats the call anyway. */
const RERUNS = 3;

/** MySQL: deadlock (Galera: lost at COMMIT). PostgreSQL: serialization failure, deadlock. */
const rerunnable = { errno: [1213], code: ['40001', '40P01'] };

/**
 * Runs a whole local transaction, again when the database broke it off as the victim of a deadlock. It has left nothing
 * then. A lock wait timeout (MySQL's 1205) is not among them: it has cost seconds already.
 */
export async function rerunOnDeadlock<Result>(runTransaction: () => Promise<Result>): Promise<Result> {
  for (let left = RERUNS; ; left -= 1) {
    try {
      return await runTransaction();
    } catch (error) {
      if (left === 0 || !isDeadlock(error)) throw error;
    }
  }
}

function isDeadlock(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { errno, code } = error as { errno?: unknown; code?: unknown };
  return rerunnable.errno.some((known) => known === errno) || rerunnable.code.some((known) => known === code);
}
