/** The known name that a misspelt one most likely meant; undefined when none is near. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  // More than a third of the letters wrong is another word; two letters that changed places are two edits.
  const most = Math.min(name.length - 1, Math.max(2, Math.floor(name.length / 3)));
  const ranked = known
    .map((candidate) => ({ candidate, edits: edits(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((left, right) => left.edits - right.edits);
  const best = ranked[0];
  return best !== undefined && best.edits <= most ? best.candidate : undefined;
}

/** Levenshtein's distance: how many letters must be added, removed or changed. */
export function edits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let at = 1; at <= from.length; at += 1) {
    const above = row;
    row = [at];
    for (let column = 1; column <= to.length; column += 1) {
      const changed = (above[column - 1] ?? 0) + (from[at - 1] === to[column - 1] ? 0 : 1);
      row.push(Math.min(changed, (above[column] ?? 0) + 1, (row[column - 1] ?? 0) + 1));
    }
  }
  return row[to.length] ?? 0;
}
