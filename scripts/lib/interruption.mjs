// One way for every command of ours to be interrupted: it ends what it started, and its exit status says which signal it was.

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** A signal that is aborted when this process is told to end; what listens to it has until the process ends by itself. */
export function interruption() {
  const controller = new AbortController();
  for (const [name, number] of Object.entries(SIGNALS)) {
    process.on(name, () => {
      process.exitCode = 128 + number;
      controller.abort(new Error(`interrupted by ${name}`));
    });
  }
  return controller.signal;
}
