import { readFileSync } from 'node:fs';

/** Whether the kernel says that the process is stopped. */
export function isStopped(pid: number): boolean {
  return letterOf(pid) === 'T';
}

/** Whether there is such a process, and not only its remains. */
export function isAlive(pid: number): boolean {
  return letterOf(pid) !== undefined;
}

/** The letter that the kernel has for its state. */
function letterOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const letter = stat.charAt(stat.lastIndexOf(')') + 2);
    return letter === 'Z' ? undefined : letter;
  } catch {
    return undefined;
  }
}
