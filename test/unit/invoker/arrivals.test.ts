import { Arrivals } from '../../../src/invoker/arrivals';

function queue(count: number): Arrivals<number> {
  const made = new Arrivals<number>();
  for (let entry = 0; entry < count; entry += 1) made.push(entry);
  return made;
}

test('whoever came first goes first, however many there are', () => {
  const arrivals = queue(5_000);
  for (let entry = 0; entry < 5_000; entry += 1) {
    expect(arrivals.first).toBe(entry);
    expect(arrivals.length).toBe(5_000 - entry);
    arrivals.shift();
    if (entry % 3 === 0) {
      arrivals.push(10_000 + entry);
      arrivals.keepOnly((each) => each !== 10_000 + entry);
    }
  }
  expect(arrivals.first).toBeUndefined();
  expect(arrivals.length).toBe(0);
});

test('keepOnly returns those that it took out, and keeps the order of the others', () => {
  const arrivals = queue(6);
  arrivals.shift();
  expect(arrivals.keepOnly((entry) => entry % 2 === 1)).toEqual([2, 4]);
  arrivals.push(7);
  const left: (number | undefined)[] = [];
  while (arrivals.length > 0) {
    left.push(arrivals.first);
    arrivals.shift();
  }
  expect(left).toEqual([1, 3, 5, 7]);
});

test('it grows again after it was empty', () => {
  const arrivals = queue(2_000);
  while (arrivals.length > 0) arrivals.shift();
  arrivals.push(1);
  expect(arrivals.first).toBe(1);
  expect(arrivals.length).toBe(1);
});
