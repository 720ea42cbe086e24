/** Something that was started and must be stopped. */
export interface Stoppable {
  /** Named in logs and in errors. */
  readonly name: string;
  /** Stops it; resolves when nothing of it is left: no timer, stream, connection or promise. */
  stop(): Promise<void>;
}

/**
 * Owns what was started, in order, and stops it in the reverse order (I13).
 * L1. Everything that was started is stopped exactly once, even when a stop before it failed.
 * L2. A start that fails stops what was started before it.
 */
export class Lifecycle {
  private readonly started: Stoppable[] = [];
  private stopping: Promise<void> | undefined;

  /** Runs `start` and owns what it returns; when it fails, everything before it is stopped and the error rethrown. */
  async start<Part extends Stoppable>(start: () => Part | Promise<Part>): Promise<Part> {
    try {
      const part = await start();
      if (this.stopping !== undefined) {
        // The stop came while this part was starting: nobody else will stop it (L1).
        await part.stop();
        throw new Error(`${part.name} was started while everything was being stopped`);
      }
      this.started.push(part);
      return part;
    } catch (error) {
      await this.stop().catch(() => undefined);
      throw error;
    }
  }

  /** Stops everything, last started first. Safe to call again: it returns the same promise. */
  stop(): Promise<void> {
    this.stopping ??= this.stopAll();
    return this.stopping;
  }

  private async stopAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const part of this.started.reverse()) {
      try {
        await part.stop();
      } catch (error) {
        failures.push(new Error(`${part.name} did not stop cleanly`, { cause: error }));
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'not everything stopped cleanly');
  }
}
