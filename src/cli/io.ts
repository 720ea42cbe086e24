/** Where text goes. */
export interface Output {
  write(text: string): unknown;
  /** Set when a person looks at it. */
  readonly isTTY?: boolean | undefined;
}

/** All that tccctl knows of the world around it, so that a test can be that world. */
export interface CliIo {
  /** Data, and nothing else. */
  readonly stdout: Output;
  /** Hints, errors. */
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Epoch milliseconds, for relative times. */
  readonly nowMs: () => number;
  /** Aborted with a Stop when nobody wants the output any more. */
  readonly signal: AbortSignal;
}

/** Ends a command without an error of its own: an interrupt, or a reader that went away. */
export class Stop extends Error {
  override readonly name = 'Stop';
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}
