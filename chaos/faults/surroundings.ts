import { existsSync } from 'node:fs';

import { sleep, systemClock } from '../../src/lib/clock';
import { serviceNames } from '../lab/stage';
import type { Fault } from './fault';

/** How long the disk stays full, in milliseconds, once the server has found it so. */
const FULL_MS = 4_000;

/** How long to wait for the server to find the disk full. */
const FULL_WITHIN_MS = 10_000;

const diskFull: Fault = {
  name: "disk full under the database's data folder",
  padding: 4_000,
  missing: ({ database }) => database.noDisk,
  async strike({ stage: { database } }) {
    const fromMs = systemClock.monotonicMs();
    const times = (await database.fill(FULL_WITHIN_MS)) ? 1 : 0;
    await sleep(systemClock, FULL_MS);
    const whom = database.isAlive ? 'all databases' : 'all databases, whose server ended over it';
    await database.empty();
    return { times, whom, ownMs: systemClock.monotonicMs() - fromMs };
  },
};

/** Where Debian, Fedora and others put it. */
const FAKE_CLOCKS = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib64/faketime/libfaketime.so.1',
  '/usr/lib/faketime/libfaketime.so.1',
];

/** How long the clocks are apart. */
const APART_MS = 4_000;

const clocksApart: Fault = {
  name: 'clocks apart by an hour each way, a coordinator and a participant',
  missing: () => (fakeClock() === undefined ? 'libfaketime is not here' : undefined),
  async strike({ stage, turn }) {
    const coordinator = stage.coordinator(turn);
    const name = serviceNames[turn % serviceNames.length] ?? 'inventory';
    const [there, here] = turn % 2 === 0 ? ['+3600', '-3600'] : ['-3600', '+3600'];
    await coordinator.tccd.kill();
    await stage.startCoordinator(coordinator, fakeTime(there));
    const times = isOff(coordinator.tccd.program.output) ? 1 : 0;
    await stage.service(name).kill();
    await stage.startService(name, fakeTime(here));
    await sleep(systemClock, APART_MS);
    await coordinator.tccd.kill();
    await stage.startCoordinator(coordinator);
    await stage.service(name).kill();
    await stage.startService(name);
    return { times, whom: `${coordinator.name} coordinator, ${name}` };
  },
};

function fakeClock(): string | undefined {
  return FAKE_CLOCKS.find((file) => existsSync(file));
}

function fakeTime(offset: string): Readonly<Record<string, string>> {
  return { LD_PRELOAD: fakeClock() ?? '', FAKETIME: offset, FAKETIME_DONT_FAKE_MONOTONIC: '1' };
}

/** Whether the program's own log lines are at least half an hour from now. */
function isOff(output: string): boolean {
  const [, found = ''] = /"time":"?([^",}]+)/.exec(output) ?? [];
  const saidMs = /^\d+$/.test(found) ? Number(found) : new Date(found).getTime();
  return Math.abs(saidMs - systemClock.wallMs()) > 1_800_000;
}

export const surroundingFaults: readonly Fault[] = [diskFull, clocksApart];
