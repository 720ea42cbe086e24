import { createServer, type AddressInfo, type Socket } from 'node:net';

import { outcomeOf } from '../../../src/invoker/invoker';
import { freeAddress } from '../../e2e/support/ports';
import { eventually } from '../../support/eventually';
import { call, type Answer } from './real-participant';
import { CLOCKS_APART_MS, UnaryHouse } from './unary-house';

let house: UnaryHouse;

beforeEach(() => {
  house = new UnaryHouse();
});

afterEach(() => house.stop());

describe('whom unary calls reach', () => {
  it('a refused connection is unknown at once, and the participant is called again once it is back', async () => {
    const port = Number((await freeAddress()).split(':')[1]);
    const stock = await house.participant(undefined, {}, port);
    await outcomeOf(house.invoker, call());
    stock.stop();
    for (let attempt = 0; attempt < 5; attempt += 1) {
      // Whoever waited for the connection or for the time would hear DEADLINE_EXCEEDED.
      const refused = await outcomeOf(house.invoker, call({ timeoutMs: 20_000 }));
      expect(refused).toMatchObject({ kind: 'unknown', code: 'UNAVAILABLE' });
    }
    await stock.start(port);
    await eventually(async () => (await outcomeOf(house.invoker, call())).kind === 'done');
  });

  it('a participant that dies with a call in its hands leaves it unknown', async () => {
    const stock = await house.participant(() => new Promise(() => undefined));
    const outcome = outcomeOf(house.invoker, call());
    await eventually(() => stock.seen.length === 1);
    stock.stop();
    await expect(outcome).resolves.toMatchObject({ kind: 'unknown' });
  });

  it('a peer that never speaks is unknown when the time is over', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    house.target(`127.0.0.1:${(silent.address() as AddressInfo).port}`);
    await expect(outcomeOf(house.invoker, call({ timeoutMs: 200 }))).resolves.toMatchObject({ kind: 'unknown' });
    await house.invoker.stop();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });

  it('without a live instance the call is unknown and says so', async () => {
    const outcome = await outcomeOf(house.invoker, call());
    expect(outcome).toEqual({ kind: 'unknown', code: 'UNAVAILABLE', message: 'no live instance of stock' });
  });

  it('an address is never taken for a path', async () => {
    house.target('unix:/tmp/not-for-you.sock');
    await expect(outcomeOf(house.invoker, call({ timeoutMs: 500 }))).resolves.toMatchObject({ kind: 'unknown' });
  });

  it('two instances share the calls', async () => {
    const both = [await house.participant(), await house.participant()];
    await Promise.all(Array.from({ length: 100 }, () => outcomeOf(house.invoker, call())));
    expect(both.map(({ seen }) => seen.length)).toEqual([50, 50]);
  });

  it('a slow instance gets fewer calls than a quick one', async () => {
    const slow = await house.participant(() => new Promise(() => undefined));
    const quick = await house.participant();
    const stuck = [
      outcomeOf(house.invoker, call({ timeoutMs: 60_000 })),
      outcomeOf(house.invoker, call({ timeoutMs: 60_000 })),
    ];
    // That the quick one has seen its call is not enough: until its answer is back here, both have as much to do.
    expect(await stuck[1]).toMatchObject({ kind: 'done' });
    await eventually(() => slow.seen.length === 1);
    for (let n = 0; n < 20; n += 1) await outcomeOf(house.invoker, call());
    expect([slow.seen.length, quick.seen.length]).toEqual([1, 21]);
    await house.invoker.stop();
    await Promise.all(stuck);
  });

  it('a dead instance is avoided while another lives', async () => {
    const dead = await house.participant();
    const living = await house.participant();
    dead.stop();
    const outcomes = [];
    for (let n = 0; n < 20; n += 1) outcomes.push((await outcomeOf(house.invoker, call())).kind);
    expect(outcomes.filter((kind) => kind === 'unknown')).toHaveLength(1);
    expect(living.seen).toHaveLength(19);
  });

  it('a participant over its bound holds back itself only', async () => {
    await house.invoker.stop();
    house.invoker = house.make(2);
    const slow = await house.participant(() => new Promise(() => undefined));
    await house.participant(undefined, { participant: 'payments' });
    const running = Array.from({ length: 11 }, () => outcomeOf(house.invoker, call({ timeoutMs: 60_000 })));
    await expect(running[10]).resolves.toMatchObject({ kind: 'unknown', code: 'OVERLOADED' });
    await eventually(() => slow.seen.length === 2);
    await expect(outcomeOf(house.invoker, call({ participant: 'payments' }))).resolves.toMatchObject({ kind: 'done' });
    await house.invoker.stop();
    const kinds = (await Promise.all(running)).map(({ kind }) => kind);
    expect(kinds).toEqual(Array.from({ length: 11 }, () => 'unknown'));
    expect(slow.most).toBe(2);
  });

  it('a call that waited for its turn is sent with the time that is left', async () => {
    await house.invoker.stop();
    house.invoker = house.make(1);
    let release: (answer: Answer) => void = () => undefined;
    const first = new Promise<Answer>((resolve) => (release = resolve));
    const stock = await house.participant(() => (stock.seen.length === 1 ? first : {}));
    const askedMs = performance.now();
    const calls = [
      outcomeOf(house.invoker, call({ timeoutMs: 60_000 })),
      outcomeOf(house.invoker, call({ timeoutMs: 60_000 })),
    ];
    await eventually(() => stock.seen.length === 1);
    await eventually(() => performance.now() - askedMs > 30, { everyMs: 5 });
    const waitedMs = performance.now() - askedMs;
    release({});
    await Promise.all(calls);
    expect(stock.seen[1]?.call.remainingMs).toBeLessThanOrEqual(60_000 - waitedMs + CLOCKS_APART_MS);
  });

  it('stop ends the calls in flight and in the queue, and takes no more', async () => {
    await house.invoker.stop();
    house.invoker = house.make(1);
    const stock = await house.participant(() => new Promise(() => undefined));
    const calls = [outcomeOf(house.invoker, call()), outcomeOf(house.invoker, call())];
    await eventually(() => stock.seen.length === 1);
    await house.invoker.stop();
    await expect(Promise.all(calls)).resolves.toMatchObject([
      { kind: 'unknown', code: 'CANCELLED' },
      { kind: 'unknown', code: 'UNAVAILABLE' },
    ]);
    await expect(outcomeOf(house.invoker, call())).resolves.toMatchObject({ kind: 'unknown', code: 'UNAVAILABLE' });
  });
});
