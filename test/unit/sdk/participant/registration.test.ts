import { hostname } from 'node:os';

import { createParticipant, type Participant, type ParticipantOptions } from '../../../../src/sdk/participant';
import { eventually } from '../../../support/eventually';
import { deadAddress, FakeRegistry } from './fake-registry';

const nothing = { try: () => undefined, confirm: () => undefined, cancel: () => undefined };

describe('registration without a stream', () => {
  const registries: FakeRegistry[] = [];
  const participants: Participant[] = [];

  const registry = async () => {
    const started = await FakeRegistry.start();
    registries.push(started);
    return started;
  };

  const participant = (coordinators: string[], options: Partial<ParticipantOptions> = {}) => {
    const made = createParticipant({ name: 'inventory', coordinators, attach: false, lingerMs: 0, ...options });
    participants.push(made);
    return made.action('deduct', nothing, { callTimeoutMs: 700, tryAttempts: 2 }).action('add', nothing);
  };

  afterEach(async () => {
    await Promise.all(participants.splice(0).map((each) => each.stop()));
    for (const each of registries.splice(0)) each.stop();
  });

  test('start tells a coordinator the name, the address, the actions and the lifetime', async () => {
    const coordinator = await registry();
    const inventory = participant([coordinator.address], { instanceId: 'inventory-1', lifetimeMs: 20_000 });
    await inventory.start();
    expect(inventory.address).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(coordinator.registered).toEqual([
      {
        participant: 'inventory',
        instanceId: 'inventory-1',
        address: inventory.address,
        actions: [
          { name: 'deduct', methods: null, callTimeoutMs: 700, tryAttempts: 2 },
          { name: 'add', methods: null, callTimeoutMs: 0, tryAttempts: 0 },
        ],
        lifetimeMs: 20_000,
      },
    ]);
  });

  test('each instance has an id of its own', async () => {
    const coordinator = await registry();
    await participant([coordinator.address]).start();
    await participant([coordinator.address]).start();
    expect(new Set(coordinator.registered.map(({ instanceId }) => instanceId)).size).toBe(2);
  });

  test('it renews at a third of the lifetime that was granted', async () => {
    const coordinator = await registry();
    coordinator.lifetimeMs = 60;
    await participant([coordinator.address]).start();
    await eventually(() => coordinator.registered.length >= 4);
  });

  test('a coordinator that is not there is passed over', async () => {
    const coordinator = await registry();
    await participant([await deadAddress(), coordinator.address]).start();
    expect(coordinator.registered).toHaveLength(1);
  });

  test('a renewal that fails goes to the next coordinator, and stays with it', async () => {
    const [first, second] = [await registry(), await registry()];
    first.lifetimeMs = second.lifetimeMs = 60;
    await participant([first.address, second.address]).start();
    expect(second.registered).toHaveLength(0);
    first.mood = 'fail';
    await eventually(() => second.registered.length >= 3);
    first.mood = 'answer';
    const before = first.registered.length;
    await eventually(() => second.registered.length >= 6);
    expect(first.registered).toHaveLength(before);
  });

  test('start resolves when no coordinator answers, and it goes on trying', async () => {
    const dead = await deadAddress();
    const inventory = participant([dead]);
    await inventory.start();
    const coordinator = await FakeRegistry.start(Number(dead.split(':')[1]));
    registries.push(coordinator);
    await eventually(() => coordinator.registered.length === 1);
  });

  test('stop takes the instance out of service at the coordinator that answers', async () => {
    const [first, second] = [await registry(), await registry()];
    const inventory = participant([first.address, second.address], { instanceId: 'i-1' });
    await inventory.start();
    first.mood = 'fail';
    await inventory.stop();
    expect(second.deregistered).toEqual([{ participant: 'inventory', instanceId: 'i-1' }]);
  });

  test('stop does not deregister what was never registered', async () => {
    const coordinator = await registry();
    coordinator.mood = 'fail';
    const inventory = participant([coordinator.address]);
    await inventory.start();
    await inventory.stop();
    expect(coordinator.deregistered).toEqual([]);
  });

  test('stop ends a Register that hangs, and deregisters what it may have left', async () => {
    const coordinator = await registry();
    coordinator.mood = 'hang';
    const inventory = participant([coordinator.address]);
    const started = inventory.start();
    await eventually(() => inventory.address !== '');
    const stopped = inventory.stop();
    coordinator.mood = 'answer';
    await Promise.all([started, stopped]);
    expect(coordinator.registered).toEqual([]);
    expect(coordinator.deregistered).toHaveLength(1);
  });

  test('stop before start, and stop twice, are harmless; start after stop is not', async () => {
    const inventory = participant([await deadAddress()]);
    await inventory.stop();
    await inventory.stop();
    await expect(inventory.start()).rejects.toThrow('does not start again');
  });

  test('stop while start is listening leaves nothing registered', async () => {
    const coordinator = await registry();
    const inventory = participant([coordinator.address]);
    const started = inventory.start();
    await Promise.all([started, inventory.stop()]);
    expect(coordinator.registered).toEqual([]);
  });

  test('start rejects when the address is taken, and stop cleans up', async () => {
    const coordinator = await registry();
    const inventory = participant([coordinator.address], { listen: coordinator.address });
    await expect(inventory.start()).rejects.toThrow();
    expect(() => inventory.address).toThrow();
    await inventory.stop();
  });

  test('the advertised address is as told, or the machine’s name for every interface', async () => {
    const coordinator = await registry();
    await participant([coordinator.address], { listen: '0.0.0.0:0' }).start();
    expect(coordinator.registered[0]?.address).toMatch(new RegExp(`^${hostname()}:\\d+$`));
    await participant([coordinator.address], { advertise: 'inventory.shop:9000' }).start();
    expect(coordinator.registered[1]?.address).toBe('inventory.shop:9000');
  });

  test('options are checked when the participant is made', async () => {
    const address = await deadAddress();
    for (const bad of [
      { name: 'no spaces' },
      { instanceId: '' },
      { coordinators: [] },
      { coordinators: ['nohost'] },
      { listen: 'unix:/tmp/x' },
      { advertise: 'host:70000' },
      { lifetimeMs: 999 },
      { maxInFlight: 0 },
      { drainMs: -1 },
    ]) {
      expect(() => createParticipant({ name: 'inventory', coordinators: [address], ...bad })).toThrow();
    }
    const inventory = participant([address]);
    expect(() => inventory.action('deduct', nothing)).toThrow('is there already');
    expect(() => inventory.action('a b', nothing)).toThrow('not an action');
    expect(() => inventory.action('x', nothing, { callTimeoutMs: 0 })).toThrow(RangeError);
    await expect(createParticipant({ name: 'a', coordinators: [address] }).start()).rejects.toThrow('needs an action');
    await inventory.start();
    expect(() => inventory.action('late', nothing)).toThrow('before start');
  });
});
