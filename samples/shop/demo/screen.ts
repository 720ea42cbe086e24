import pico from 'picocolors';

/** Where the demo speaks: plain text, unless a person sits at a terminal. */
export interface Screen {
  readonly interactive: boolean;
  /** Columns that a table may use. */
  readonly width: number;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly red: (text: string) => string;
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  /** Writes one line. */
  readonly print: (line: string) => void;
}

/** Wide enough for the table where nobody says how wide it may be, in columns. */
const WIDTH_WITHOUT_TERMINAL = 140;

/** What is needed of standard output. It has neither `isTTY` nor `columns` when it goes to a file or a pipe. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export function openScreen(out: Output, env: NodeJS.ProcessEnv): Screen {
  const interactive = out.isTTY ?? false;
  const { green, yellow, red, bold, dim } = pico.createColors(interactive && (env.NO_COLOR ?? '') === '');
  return {
    interactive,
    width: out.columns ?? WIDTH_WITHOUT_TERMINAL,
    ...{ green, yellow, red, bold, dim },
    print: (line) => void out.write(`${line}\n`),
  };
}
