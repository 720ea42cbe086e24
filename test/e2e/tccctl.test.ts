import type { TccClient } from 'tcc-coordinator/client';

import { eventually } from '../support/eventually';
import type { Coordinator } from './support/coordinator';
import { freeAddress } from './support/ports';
import { Program, runToEnd } from './support/program';
import { leavesNothingBehind, scenario } from './support/scenario';
import { ScriptedParticipant } from './support/scripted';
import { World } from './support/world';

leavesNothingBehind();

describe('tccctl against a running coordinator', () => {
  let world: World;
  let tccd: Coordinator;
  let tcc: TccClient;
  let scripted: ScriptedParticipant;

  beforeAll(async () => {
    world = await World.on('sqlite');
    tccd = await world.coordinator('tccd', { env: { TCC_TRANSACTIONS_PARK_AFTER_REFUSALS: '2' } });
    await tccd.start();
    tcc = world.client([tccd]);
    scripted = new ScriptedParticipant('scripted', [tccd.address], { instanceId: 'scripted-1', listens: true });
    await scripted.start();
    await execute('done-1');
    await execute('done-2');
    scripted.will('try', { kind: 'refuse', message: 'not today' });
    await execute('refused-1').catch(() => undefined);
  }, 60_000);

  afterAll(async () => {
    await scripted.stop();
    await world.close();
  }, 60_000);

  afterEach(() => {
    scripted.behave();
  });

  const execute = (gid: string) =>
    tcc.execute({
      gid,
      name: 'errand',
      branches: [{ participant: 'scripted', action: 'act', payload: { secret: 'word' } }],
    });

  interface Said {
    readonly code: number | null;
    readonly stdout: string;
    readonly stderr: string;
  }

  async function tccctl(...args: readonly string[]): Promise<Said> {
    const { code, program } = await runToEnd(command(args));
    return { code, stdout: program.stdout, stderr: program.output.replace(program.stdout, '') };
  }

  const command = (args: readonly string[]) => ({
    name: `tccctl ${args.join(' ')}`,
    script: 'src/bin/tccctl.js',
    args,
    env: { TCC_ADDRESS: tccd.address },
  });

  const json = async (...args: readonly string[]): Promise<unknown> => {
    const { code, stdout } = await tccctl(...args, '-o', 'json');
    expect(code).toBe(0);
    return JSON.parse(stdout);
  };

  scenario('get shows a transaction with its branches, attempts and timeline, and no payload', async () => {
    const { code, stdout } = await tccctl('get', 'refused-1');
    expect(code).toBe(0);
    for (const word of ['refused-1', 'CANCELLED', 'scripted', 'not today']) expect(stdout).toContain(word);
    expect(stdout).not.toContain('secret');
    expect(await json('get', 'refused-1')).toMatchObject({
      transaction: {
        gid: 'refused-1',
        status: 'CANCELLED',
        cancelReason: { code: 'REFUSED' },
        branches: [{ participant: 'scripted' }],
      },
    });
  });

  scenario('list filters by status, name, prefix and page', async () => {
    const gids = async (...args: readonly string[]) =>
      ((await json('list', ...args)) as { transactions: { gid: string }[] }).transactions.map(({ gid }) => gid);
    expect(await gids('--status', 'CANCELLED')).toEqual(['refused-1']);
    expect(await gids('--gid-prefix', 'done-')).toEqual(['done-2', 'done-1']);
    expect(await gids('--name', 'errand', '--all')).toHaveLength(3);
    expect(await gids('--name', 'nobody')).toEqual([]);
    const page = (await json('list', '--page-size', '2')) as { transactions: unknown[]; nextPageToken: string };
    expect(page.transactions).toHaveLength(2);
    expect(await gids('--page-size', '2', '--page-token', page.nextPageToken)).toHaveLength(1);
    expect((await tccctl('list')).stdout).toContain('done-1');
  });

  scenario('participants shows who is registered and for what', async () => {
    expect(await json('participants')).toMatchObject({
      participants: [
        { name: 'scripted', actions: [{ name: 'act' }], instances: [{ instanceId: 'scripted-1', live: true }] },
      ],
    });
    expect((await tccctl('participants')).stdout).toContain(scripted.address);
  });

  scenario('watch prints each change and ends with the transaction', async () => {
    scripted.hold('confirm');
    const executing = execute('watched');
    await eventually(async () => (await world.rows.statusOf('watched')) === 'CONFIRMING');
    const watch = new Program(command(['watch', 'watched', '-o', 'json']));
    await eventually(() => watch.stdout.includes('CONFIRMING'), { timeoutMs: 15_000 });
    scripted.release('confirm');
    expect((await watch.exited).code).toBe(0);
    const statuses = watch.stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { status: string }).status);
    expect(statuses[0]).toBe('CONFIRMING');
    expect(statuses.at(-1)).toBe('CONFIRMED');
    await executing;
  });

  scenario('retry brings a parked transaction back, and never changes its decision (I1, I7)', async () => {
    scripted.will('confirm', { kind: 'refuse', message: 'I will not' }, 2);
    const executing = execute('parked');
    await eventually(async () => expect((await tcc.get('parked')).parked).toBe(true), { timeoutMs: 15_000 });
    expect(await json('list', '--parked')).toMatchObject({ transactions: [{ gid: 'parked', status: 'CONFIRMING' }] });
    const { code, stdout } = await tccctl('retry', 'parked');
    expect(code).toBe(0);
    expect(stdout).toContain('CONFIRMING');
    expect((await executing).status).toBe('CONFIRMED');
  });

  scenario(
    'leaves with 1 for what is refused, 2 for a wrong command line, 3 for an unknown gid, 4 when nobody answers',
    async () => {
      const finished = await tccctl('retry', 'done-1');
      expect(finished.code).toBe(1);
      expect(finished.stderr).toContain('CONFIRMED');
      expect((await tccctl('lsit')).code).toBe(2);
      const unknown = await tccctl('get', 'nobody');
      expect(unknown.code).toBe(3);
      expect(unknown.stderr).toContain("'nobody'");
      expect(unknown.stdout).toBe('');
      const silent = await tccctl('get', 'done-1', '--address', await freeAddress(), '--timeout', '500ms');
      expect(silent.code).toBe(4);
    },
  );
});
