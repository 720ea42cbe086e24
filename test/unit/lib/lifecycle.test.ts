import { Lifecycle, type Stoppable } from '../../../src/lib/lifecycle';

function part(name: string, stopped: string[], failure?: Error): Stoppable {
  return {
    name,
    stop: () => {
      stopped.push(name);
      return failure === undefined ? Promise.resolve() : Promise.reject(failure);
    },
  };
}

test('what was started last is stopped first', async () => {
  const stopped: string[] = [];
  const lifecycle = new Lifecycle();
  for (const name of ['a', 'b', 'c']) await lifecycle.start(() => part(name, stopped));
  await lifecycle.stop();
  expect(stopped).toEqual(['c', 'b', 'a']);
});

test('starting gives what was started, also when it takes its time', async () => {
  const lifecycle = new Lifecycle();
  const one = part('a', []);
  expect(await lifecycle.start(() => Promise.resolve(one))).toBe(one);
});

test('a stop that fails keeps no other from being stopped (L1), and is told at the end', async () => {
  const stopped: string[] = [];
  const lifecycle = new Lifecycle();
  const failure = new Error('stuck');
  await lifecycle.start(() => part('a', stopped));
  await lifecycle.start(() => part('b', stopped, failure));
  await expect(lifecycle.stop()).rejects.toMatchObject({
    errors: [{ message: 'b did not stop cleanly', cause: failure }],
  });
  expect(stopped).toEqual(['b', 'a']);
});

test('a start that fails stops what was started before it, and says why it failed (L2)', async () => {
  const stopped: string[] = [];
  const lifecycle = new Lifecycle();
  await lifecycle.start(() => part('a', stopped, new Error('stuck')));
  await lifecycle.start(() => part('b', stopped));
  const failure = new Error('port taken');
  await expect(
    lifecycle.start(() => {
      throw failure;
    }),
  ).rejects.toBe(failure);
  expect(stopped).toEqual(['b', 'a']);
});

test('everything is stopped once, however often one asks (L1)', async () => {
  const stopped: string[] = [];
  const lifecycle = new Lifecycle();
  await lifecycle.start(() => part('a', stopped));
  await Promise.all([lifecycle.stop(), lifecycle.stop()]);
  await lifecycle.stop();
  expect(stopped).toEqual(['a']);
});

test('nothing stops as well', async () => {
  await expect(new Lifecycle().stop()).resolves.toBeUndefined();
});

test('a part whose start ends after the stop began is stopped as well (L1)', async () => {
  const stopped: string[] = [];
  const lifecycle = new Lifecycle();
  let started: () => void = () => undefined;
  const late = lifecycle.start(async () => {
    await new Promise<void>((resolve) => {
      started = resolve;
    });
    return part('late', stopped);
  });
  const stopping = lifecycle.stop();
  started();
  await expect(late).rejects.toThrow('while everything was being stopped');
  await stopping;
  expect(stopped).toEqual(['late']);
});
