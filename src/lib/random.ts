/** A source of chance: a number in [0, 1). Injected, so that a simulation can seed it. */
export type Random = () => number;

/** Real chance. Not for secrets. */
export const systemRandom: Random = Math.random;
