import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { TccClient } from 'tcc-coordinator/client';

import { eventually } from '../support/eventually';
import { call, rawClients } from '../support/raw-rpc';
import type { Coordinator } from './support/coordinator';
import { Load, loadedEnv, loadSeeds } from './support/load';
import { freeAddress } from './support/ports';
import { leavesNothingBehind, scenario } from './support/scenario';
import { ScriptedParticipant } from './support/scripted';
import { carriers, type Service } from './support/service';
import { World } from './support/world';

leavesNothingBehind();

describe.each(carriers)('participants with several instances (%s)', (carrier) => {
  let world: World;
  let tccd: Coordinator;
  let tcc: TccClient;
  let instances: Service[];

  beforeAll(async () => {
    world = await World.on('mysql', { carrier, seeds: loadSeeds });
    tccd = await world.coordinator('tccd', { env: loadedEnv });
    await tccd.start();
    await world.openShop([tccd]);
    // The shop's inventory is instance 1; these two come beside it.
    instances = [await world.service('inventory', [tccd], 2), await world.service('inventory', [tccd], 3)];
    await Promise.all(instances.map((each) => each.start()));
    tcc = world.client([tccd]);
  }, 60_000);

  afterAll(() => world.close(), 60_000);

  scenario('share the calls', async () => {
    const load = new Load(tcc, { prefix: 'shared', atOnce: 8 });
    await load.untilPlaced(60);
    // Whoever is slow gets less: how much is the machine's matter, and unit tests hold the rule itself.
    const tries = () => instances.map(({ reports }) => reports.filter(({ phase }) => phase === 'try').length);
    await eventually(() => expect(Math.min(...tries())).toBeGreaterThan(20), { timeoutMs: 30_000 });
    await load.stop();
    expect(load.failed).toEqual([]);
    await world.expectBalancedBooks(tcc, load.gids);
  });

  scenario('are restarted in turn under load: not one order fails (I7, I10)', async () => {
    const load = new Load(tcc, { prefix: 'rolling', atOnce: 8 });
    await load.untilPlaced(10);
    for (const instance of instances) {
      expect(await instance.stop()).toEqual({ code: 0, signal: null });
      await instance.start();
      await load.untilPlaced(10);
    }
    await load.stop();
    expect(load.failed).toEqual([]);
    await world.expectBalancedBooks(tcc, load.gids);
  });

  scenario('lose one to kill -9: the others take its calls, and not one order fails (I7, I11)', async () => {
    const load = new Load(tcc, { prefix: 'killed', atOnce: 8 });
    await load.untilPlaced(10);
    await instances[0]?.kill();
    await load.untilPlaced(30);
    await load.stop();
    expect(load.failed).toEqual([]);
    await world.expectBalancedBooks(tcc, load.gids);
  });
});

describe.each(carriers)('a participant that misbehaves (%s)', (carrier) => {
  let world: World;
  let tccd: Coordinator;
  let tcc: TccClient;
  let scripted: ScriptedParticipant;

  beforeAll(async () => {
    world = await World.on('sqlite', { carrier });
    tccd = await world.coordinator('tccd');
    await tccd.start();
    tcc = world.client([tccd]);
    scripted = new ScriptedParticipant('scripted', [tccd.address], { carrier });
    await scripted.start();
  }, 60_000);

  afterAll(async () => {
    await scripted.stop();
    await world.close();
  }, 60_000);

  afterEach(() => {
    scripted.behave();
  });

  const execute = (gid: string) =>
    tcc.execute({ gid, branches: [{ participant: 'scripted', action: 'act', payload: { of: gid } }] });

  scenario('stands still in Try and goes on within its attempts: its Try takes effect once (I10)', async () => {
    scripted.hold('try');
    const executing = execute('still');
    await eventually(() => scripted.callsOf('still', 'try') === 2);
    scripted.release('try');
    expect((await executing).status).toBe('CONFIRMED');
    expect(scripted.effectsOf('still', 'try')).toBe(1);
  });

  for (const phase of ['try', 'confirm'] as const) {
    scenario(`loses the answer of its ${phase}: the call comes again, and takes effect once (I7, I10)`, async () => {
      scripted.will(phase, { kind: 'lose the answer' });
      const gid = `lost-${phase}`;
      const { branches } = await execute(gid);
      expect(branches[0]?.reply).toEqual({ received: { of: gid } });
      expect(scripted.callsOf(gid, phase)).toBe(2);
      expect(scripted.effectsOf(gid, phase)).toBe(1);
    });
  }

  scenario(
    'fails its Confirm for longer than the retries in place: the scanner goes on until it works (I7)',
    async () => {
      scripted.will('confirm', { kind: 'fail' }, 8);
      expect((await execute('fails')).status).toBe('CONFIRMED');
      expect(scripted.callsOf('fails', 'confirm')).toBe(9);
      expect(scripted.effectsOf('fails', 'confirm')).toBe(1);
    },
  );

  scenario(
    'does its Try and then has no answer three times: it is cancelled, and the Try undone (I4, I10)',
    async () => {
      scripted.will('try', { kind: 'lose the answer' }, 3);
      await expect(execute('no-answer')).rejects.toMatchObject({ reason: { code: 'UNREACHABLE' } });
      await tcc.watch('no-answer').next();
      for await (const view of tcc.watch('no-answer')) expect(['CANCELLING', 'CANCELLED']).toContain(view.status);
      expect([scripted.effectsOf('no-answer', 'try'), scripted.effectsOf('no-answer', 'cancel')]).toEqual([1, 1]);
    },
  );
});

describe('an action that names gRPC methods of the participant’s own', () => {
  let world: World;
  let server: Server;
  let address: string;
  let tcc: TccClient;
  let coordinator: Coordinator;
  let folder: string;
  const seen: { path: string; request: Buffer; metadata: Record<string, string> }[] = [];
  const methods = {
    try: '/stock.v1.Stock/Reserve',
    confirm: '/stock.v1.Stock/Take',
    cancel: '/stock.v1.Stock/Release',
  };
  /** No JSON and no UTF-8: every byte there is. */
  const request = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
  const reply = Buffer.from([0xff, 0x00, 0x80]);

  beforeAll(async () => {
    server = new Server();
    for (const path of Object.values(methods)) {
      server.register(
        path,
        (incoming: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
          const metadata = Object.fromEntries(
            Object.entries(incoming.metadata.getMap()).filter(([key]) => key.startsWith('tcc-')),
          ) as Record<string, string>;
          seen.push({ path, request: incoming.request, metadata });
          callback(null, reply);
        },
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        'unary',
      );
    }
    address = await freeAddress();
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(address, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve()));
    });
    folder = await mkdtemp(join(tmpdir(), 'tcc-e2e-'));
    const file = join(folder, 'tccd.yaml');
    const listed = { name: 'listed', address, actions: [{ name: 'reserve', methods }] };
    await writeFile(file, JSON.stringify({ participants: [listed] }));
    world = await World.on('sqlite');
    coordinator = await world.coordinator('tccd', { env: { TCC_CONFIG: file } });
    await coordinator.start();
    tcc = world.client([coordinator]);
  }, 60_000);

  afterAll(async () => {
    await world.close();
    await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  beforeEach(() => {
    seen.length = 0;
  });

  const branch = (participant: string) =>
    ({ participant, action: 'reserve', payload: { bytes: request, contentType: 'application/grpc+proto' } }) as const;

  scenario('is called with the payload, byte for byte, and its reply comes back as it is', async () => {
    const raw = rawClients(coordinator.address);
    const registration = {
      participant: 'registered',
      instanceId: 'one',
      address,
      actions: [{ name: 'reserve', methods }],
      lifetimeMs: 60_000,
    };
    await call((done) => raw.registry.register(registration, done));
    raw.close();
    const { branches } = await tcc.execute({ gid: 'native', branches: [branch('registered')] });
    expect(seen.map(({ path }) => path)).toEqual([methods.try, methods.confirm]);
    for (const each of seen) expect(each.request.equals(request)).toBe(true);
    expect(seen[0]?.metadata).toMatchObject({
      'tcc-gid': 'native',
      'tcc-branch-id': 'registered-reserve',
      'tcc-action': 'reserve',
      'tcc-phase': 'try',
      'tcc-attempt': '1',
    });
    expect(Number(seen[0]?.metadata['tcc-remaining-ms'])).toBeGreaterThan(0);
    const answer = branches[0]?.reply as { bytes: Uint8Array; contentType: string };
    expect(Buffer.from(answer.bytes).equals(reply)).toBe(true);
    expect(answer.contentType).toBe('application/grpc+proto');
  });

  scenario('works for a participant of the config file too, and is cancelled by its own method', async () => {
    await tcc.execute({ gid: 'listed-1', branches: [branch('listed')] });
    expect(seen.map(({ path }) => path)).toEqual([methods.try, methods.confirm]);
    seen.length = 0;
    const failing = tcc.run({ gid: 'listed-2' }, async (tx) => {
      const { participant, action, payload } = branch('listed');
      await tx.try(participant, action, payload);
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    for await (const { status } of tcc.watch('listed-2')) expect(['CANCELLING', 'CANCELLED']).toContain(status);
    expect(seen.map(({ path }) => path)).toEqual([methods.try, methods.cancel]);
  });
});
