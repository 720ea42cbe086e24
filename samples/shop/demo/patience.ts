/** How often a condition is looked at, in milliseconds. */
const LOOK_EVERY_MS = 25;

/** Waits until `look` returns something other than undefined; throws when that takes longer than `patienceMs`. */
export async function until<T>(what: string, patienceMs: number, look: () => Promise<T | undefined> | T | undefined) {
  const giveUpAt = performance.now() + patienceMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (performance.now() > giveUpAt) throw new Error(`waited ${patienceMs / 1000} s in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
