import { readdirSync, readFileSync } from 'node:fs';

/** What Linux counts CPU time in: USER_HZ is 100 on every architecture that Node runs on. */
const TICK_MS = 10;

/** CPU time of a process so far, user and system, with what its ended children used not counted; NaN where there is no /proc. */
export function cpuMsOf(pid: number): number {
  try {
    // After the command in parentheses the third field follows: utime and stime are the 14th and 15th.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return NaN;
  }
}

/** Resident memory of a process in MiB; NaN where there is no /proc. */
export function residentMbOf(pid: number): number {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kib) / 1024;
  } catch {
    return NaN;
  }
}

/** The process of the MySQL-family server that was told to listen on this port; undefined where none says so. */
export function serverOnPort(port: number): number | undefined {
  const isIt = (pid: string): boolean => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return /(mysqld|mariadbd)$/.test(words[0] ?? '') && words.includes(`--port=${port}`);
    } catch {
      return false;
    }
  };
  try {
    const found = readdirSync('/proc').find((entry) => /^\d+$/.test(entry) && isIt(entry));
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}
