import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Daemon, startDaemon } from '../../../src/daemon/compose';
import { loadConfig } from '../../../src/daemon/config';
import { systemClock } from '../../../src/lib/clock';
import { silentLogger } from '../../../src/lib/logger';
import { systemRandom } from '../../../src/lib/random';
import { createParticipant, type Participant, type ParticipantOptions } from '../../../src/sdk/participant';
import type { ExecuteResponse__Output } from '../../../src/wire/generated/tcc/v1/ExecuteResponse';
import type { GetResponse__Output } from '../../../src/wire/generated/tcc/v1/GetResponse';
import type { ListParticipantsResponse__Output } from '../../../src/wire/generated/tcc/v1/ListParticipantsResponse';
import type { Transaction__Output } from '../../../src/wire/generated/tcc/v1/Transaction';
import { freeAddress } from '../../e2e/support/ports';
import { call, rawClients, type RawClients } from '../../support/raw-rpc';
import { RawInstance, yes } from './raw-instance';

export interface NewBranch {
  readonly participant?: string;
  readonly action?: string;
  readonly data?: Uint8Array;
}

/** One coordinator with a client of its unary API. */
export class Coordinator {
  readonly daemon: Daemon;
  readonly clients: RawClients;
  private made = 0;

  constructor(daemon: Daemon) {
    this.daemon = daemon;
    this.clients = rawClients(daemon.address);
  }

  get address(): string {
    return this.daemon.address;
  }

  get port(): number {
    return Number(this.address.split(':').at(-1));
  }

  /** Runs a transaction with one branch for each of these, and says how it ended. */
  async execute(gid: string, ...branches: readonly NewBranch[]): Promise<Transaction__Output> {
    const wanted = branches.length === 0 ? [{}] : branches;
    const response = await call<ExecuteResponse__Output>((done) =>
      this.clients.transactions.execute(
        {
          gid: gid === '' ? `g-${(this.made += 1)}-${this.port}` : gid,
          branches: wanted.map(({ participant = 'stock', action = 'deduct', data = Buffer.from('{}') }, index) => ({
            branchId: `b-${index}`,
            participant,
            action,
            payload: { data: Buffer.from(data), contentType: 'application/json' },
          })),
        },
        { deadline: Date.now() + 30_000 },
        done,
      ),
    );
    if (response.transaction === null) throw new Error('no transaction came back');
    return response.transaction;
  }

  async statusOf(gid: string, ...branches: readonly NewBranch[]): Promise<string> {
    return (await this.execute(gid, ...branches)).status;
  }

  /** Where a transaction stands now. */
  async statusNow(gid: string): Promise<string> {
    const { transaction } = await call<GetResponse__Output>((done) => this.clients.transactions.get({ gid }, done));
    return transaction?.status ?? '';
  }

  async instances(participant = 'stock') {
    const { participants } = await call<ListParticipantsResponse__Output>((done) =>
      this.clients.registry.listParticipants({}, done),
    );
    return participants.find(({ name }) => name === participant)?.instances ?? [];
  }

  async stop(): Promise<void> {
    this.clients.close();
    await this.daemon.stop();
  }
}

/** Everything that one test file starts, and stops again in the reverse order. */
export class House {
  private readonly folder = mkdtempSync(join(tmpdir(), 'tcc-attach-'));
  private readonly stops: (() => unknown)[] = [];
  private files = 0;

  /** A database of its own. */
  newUrl(): string {
    return `sqlite:${join(this.folder, `${(this.files += 1)}.sqlite`)}`;
  }

  /** One that listens where nobody else will while it is away, so that another life can come back there. */
  async coordinator(url = this.newUrl(), ...args: readonly string[]): Promise<Coordinator> {
    const { config } = loadConfig({
      args: ['--listen', await freeAddress(), '--database-url', url, ...args],
      env: {},
      readFile: () => '',
      defaultCoordinatorId: () => 'test',
    });
    const deps = { clock: systemClock, random: systemRandom, logger: silentLogger };
    const coordinator = new Coordinator(await startDaemon(config, deps, new AbortController().signal));
    this.later(() => coordinator.stop());
    return coordinator;
  }

  /** One that answers no call, until it is told to. */
  async instance(address: string, ...hello: Parameters<RawInstance['hello']>): Promise<RawInstance> {
    return this.stranger(address).hello(...hello);
  }

  /** One that says yes to everything, from the first call on: that may come together with the welcome. */
  async willing(address: string, ...hello: Parameters<RawInstance['hello']>): Promise<RawInstance> {
    const instance = this.stranger(address);
    instance.answer = yes;
    return instance.hello(...hello);
  }

  /** A stream that has not said hello. */
  stranger(address: string): RawInstance {
    const instance = new RawInstance(address);
    this.later(() => instance.close());
    return instance;
  }

  /** An SDK participant; add actions and start it. */
  participant(options: Partial<ParticipantOptions> & Pick<ParticipantOptions, 'coordinators'>): Participant {
    const participant = createParticipant({ name: 'stock', lingerMs: 0, drainMs: 2_000, ...options });
    this.later(() => participant.stop());
    return participant;
  }

  later(stop: () => unknown): void {
    this.stops.push(stop);
  }

  /** After each test. */
  async clear(): Promise<void> {
    for (const stop of this.stops.splice(0).reverse()) await stop();
  }

  /** After all tests. */
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
