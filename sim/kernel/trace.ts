import type { Scheduler } from './scheduler';

/**
 * What happened, event by event. The hash says whether two runs were the same; the lines are kept only where somebody is to
 * read them.
 */
export class Trace {
  readonly lines: string[] = [];
  private readonly keeps: boolean;
  private readonly scheduler: Scheduler;
  private state = 0x811c9dc5;

  constructor(scheduler: Scheduler, keeps: boolean) {
    this.scheduler = scheduler;
    this.keeps = keeps;
  }

  get hash(): string {
    return (this.state >>> 0).toString(16).padStart(8, '0');
  }

  note(who: string, what: string): void {
    const atMs = this.scheduler.nowMs;
    let { state } = this;
    state = Math.imul(state ^ (atMs * 1_024), 0x01000193);
    for (let at = 0; at < who.length; at += 1) state = Math.imul(state ^ who.charCodeAt(at), 0x01000193);
    for (let at = 0; at < what.length; at += 1) state = Math.imul(state ^ what.charCodeAt(at), 0x01000193);
    this.state = state;
    if (this.keeps) this.lines.push(`${atMs.toFixed(2).padStart(10)} ${who.padEnd(12)} ${what}`);
  }
}
