/** A bug that somebody could make, as a change of the sources, and how soon the simulation must find it. */
export interface Mutant {
  readonly name: string;
  /** What is wrong, in a sentence. */
  readonly bug: string;
  /** The invariants that it breaks: the first report of the simulation must begin with one of them. */
  readonly breaks: readonly string[];
  /** Within so many seeds it must be caught. */
  readonly within: number;
  /** By file: text that must stand there exactly once, and what stands there instead. */
  readonly patches: Patches;
}

export type Patches = Readonly<Record<string, readonly (readonly [before: string, after: string])[]>>;
