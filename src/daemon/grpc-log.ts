import type { Clock, Timer } from '../lib/clock';
import type { Logger } from '../lib/logger';

/** The levels of grpc-js. */
export type GrpcLevel = 'error' | 'info' | 'debug';

/** Called for each line that grpc-js writes. */
export type GrpcLine = (level: GrpcLevel, text: string) => void;

/** A header of a peer may be in the text, and headers may have kilobytes. */
const TEXT_LENGTH = 512;

/**
 * So many lines of grpc-js are kept in a minute, and how many there were beyond that is told. Anybody who reaches the port can make it
 * say one for each connection or header; a start that fails, or a network that breaks, has said all that matters in a dozen.
 */
export const LINES_PER_MINUTE = 60;

const MINUTE_MS = 60_000;

/** The values of metadata are their sender's business, and may be secrets: only the key is told. */
const METADATA = /^(Failed to add metadata entry [^:]*):/;

const MESSAGE = 'a word from gRPC';

/**
 * Puts what grpc-js has to say into the log. Its errors are warnings here: each either fails a call or the start as well, where it is
 * told in this project's words, or is about something that a peer has sent. Traces (debug) are not bounded: they come only when
 * grpc-js's own environment variables ask for them, and then all of them are wanted.
 */
export class GrpcLog {
  private readonly logger: Logger;
  private readonly clock: Clock;
  /** When the minute that is counted now began; monotonic. */
  private sinceMs = -Infinity;
  private lines = 0;
  private leftOut = 0;
  /** Runs while something was left out that is not told yet. */
  private timer: Timer | undefined;

  constructor(deps: { readonly logger: Logger; readonly clock: Clock }) {
    this.logger = deps.logger;
    this.clock = deps.clock;
  }

  readonly line: GrpcLine = (level, text) => {
    const fields = { text: plain(text) };
    if (level === 'debug') this.logger.debug(fields, MESSAGE);
    else if (!this.hasRoom()) this.leaveOut();
    else if (level === 'error') this.logger.warn(fields, MESSAGE);
    else this.logger.info(fields, MESSAGE);
  };

  /** Tells what was left out until now; leaves no timer. */
  stop(): void {
    this.timer?.stop();
    this.timer = undefined;
    if (this.leftOut > 0) this.logger.warn({ leftOut: this.leftOut }, 'words from gRPC were left out of the log');
    this.leftOut = 0;
  }

  private hasRoom(): boolean {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.sinceMs >= MINUTE_MS) {
      this.stop();
      this.sinceMs = nowMs;
      this.lines = 0;
    }
    this.lines += 1;
    return this.lines <= LINES_PER_MINUTE;
  }

  private leaveOut(): void {
    this.leftOut += 1;
    const untilMs = this.sinceMs + MINUTE_MS;
    this.timer ??= this.clock.startTimer(untilMs - this.clock.monotonicMs(), () => this.stop());
  }
}

function plain(text: string): string {
  return (METADATA.exec(text)?.[1] ?? text).slice(0, TEXT_LENGTH);
}
