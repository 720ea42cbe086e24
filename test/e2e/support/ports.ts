import { freePort } from '../../../samples/shop/demo/free-port';

const given = new Set<number>();

/** A free address of 127.0.0.1 that no other caller in this file gets: it stays the same over a restart. */
export async function freeAddress(): Promise<string> {
  for (;;) {
    const port = await freePort();
    if (given.has(port)) continue;
    given.add(port);
    return `127.0.0.1:${port}`;
  }
}
