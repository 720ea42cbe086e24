import { freePort } from '../../../samples/shop/demo/free-port';

/** Ports for each of jest's workers: one that a killed program left must not be taken by another file before it is back. */
const PORTS_PER_WORKER = 500;
const FIRST_PORT = 20_000;
const RANGES = 20;

const given = new Set<number>();

/** A free address of 127.0.0.1 that no other caller gets, in this file or in one that runs beside it: it stays the same over a restart. */
export async function freeAddress(): Promise<string> {
  const worker = Number(process.env['JEST_WORKER_ID'] ?? 1);
  const from = FIRST_PORT + (worker % RANGES) * PORTS_PER_WORKER;
  for (;;) {
    const port = await freePort(from, from + PORTS_PER_WORKER);
    if (given.has(port)) continue;
    given.add(port);
    return `127.0.0.1:${port}`;
  }
}
