/**
 * Lets `run` happen with the world's own queue in place of setImmediate, and hears of promises that nobody waits for. Everything
 * is put back before this returns: it all happens within one turn of the real event loop.
 */
export function atOnce(
  immediate: (fire: () => void) => void,
  unhandled: (text: string) => void,
  run: () => void,
): void {
  const real = globalThis.setImmediate;
  const lost = (error: unknown): void => {
    unhandled(`a promise was lost: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  };
  globalThis.setImmediate = immediate as unknown as typeof setImmediate;
  process.on('unhandledRejection', lost);
  try {
    run();
  } finally {
    process.off('unhandledRejection', lost);
    globalThis.setImmediate = real;
  }
}
