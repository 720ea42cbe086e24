import { cpus, totalmem } from 'node:os';

/** Where this was measured. */
export function machine() {
  return {
    at: new Date().toISOString(),
    cpu: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
  };
}
