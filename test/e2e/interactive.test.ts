import { TimedOutError, type TccClient } from 'tcc-coordinator/client';

import { eventually } from '../support/eventually';
import { call, rawParticipant } from '../support/raw-rpc';
import type { Coordinator } from './support/coordinator';
import { leavesNothingBehind, scenario } from './support/scenario';
import { ScriptedParticipant } from './support/scripted';
import { grounds, SETTLED_WITHIN_MS, World } from './support/world';

leavesNothingBehind();

/** What must come before a deadline takes milliseconds; on a busy machine it has this much. */
const DEADLINE_MS = 4_000;

describe.each(grounds)('an interactive transaction on $database ($carrier)', ({ database, carrier }) => {
  let world: World;
  let tccd: Coordinator;
  let tcc: TccClient;
  let stock: ScriptedParticipant;
  let points: ScriptedParticipant;

  beforeAll(async () => {
    world = await World.on(database, { carrier });
    tccd = await world.coordinator('tccd');
    await tccd.start();
    tcc = world.client([tccd]);
    stock = new ScriptedParticipant('stock', [tccd.address], { carrier });
    points = new ScriptedParticipant('points', [tccd.address], { carrier, listens: true });
    await Promise.all([stock.start(), points.start()]);
  }, 60_000);

  afterAll(async () => {
    await Promise.all([stock.stop(), points.stop()]);
    await world.close();
  }, 60_000);

  afterEach(async () => {
    stock.behave();
    points.behave();
    await eventually(async () => expect(await world.rows.open()).toEqual([]), { timeoutMs: SETTLED_WITHIN_MS });
  }, 40_000);

  /** What took effect at both: Try, Confirm, Cancel. */
  const effects = (gid: string) =>
    [stock, points].map((each) => [
      each.effectsOf(gid, 'try'),
      each.effectsOf(gid, 'confirm'),
      each.effectsOf(gid, 'cancel'),
    ]);

  scenario(
    'commits when the function returns; the next step may depend on the reply of the last one (I3)',
    async () => {
      const { gid, value } = await tcc.run({}, async (tx) => {
        const hold = await tx.try<{ received: { price: number } }>('stock', 'act', { price: 7 });
        await tx.try('points', 'act', { points: hold.received.price * 2 });
        return hold.received.price;
      });
      expect(value).toBe(7);
      expect((await tcc.get(gid)).status).toBe('CONFIRMED');
      expect(effects(gid)).toEqual([
        [1, 1, 0],
        [1, 1, 0],
      ]);
    },
  );

  scenario('rolls back when the function throws, and the error comes through (I4)', async () => {
    let gid = '';
    const failing = tcc.run({}, async (tx) => {
      gid = tx.gid;
      await tx.try('stock', 'act');
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    await eventually(async () => expect((await tcc.get(gid)).status).toBe('CANCELLED'), {
      timeoutMs: SETTLED_WITHIN_MS,
    });
    expect(effects(gid)).toEqual([
      [1, 0, 1],
      [0, 0, 0],
    ]);
  });

  scenario('is cancelled by a refused Try, and says whose words it were (I4)', async () => {
    points.will('try', { kind: 'refuse', message: 'no points today' });
    let gid = '';
    const failing = tcc.run({}, async (tx) => {
      gid = tx.gid;
      await tx.try('stock', 'act');
      await tx.try('points', 'act');
    });
    await expect(failing).rejects.toMatchObject({ code: 'REFUSED', branchId: 'points-act' });
    await eventually(async () => expect((await tcc.get(gid)).status).toBe('CANCELLED'), {
      timeoutMs: SETTLED_WITHIN_MS,
    });
    expect(effects(gid)[0]).toEqual([1, 0, 1]);
  });

  scenario(
    'in Register mode the application calls Try itself, and Commit is its word that it is done (I2, I3)',
    async () => {
      const { gid } = await tcc.run({}, async (tx) => {
        const branch = await tx.registerBranch('points', 'act', { user: 1 });
        const participant = rawParticipant(points.address);
        const payload = { data: Buffer.from('{"user":1}'), contentType: 'application/json' };
        await call((done) => participant.try({ call: { ...branch, action: 'act', attempt: 1, payload } }, done));
        participant.close();
      });
      expect((await tcc.get(gid)).status).toBe('CONFIRMED');
      expect(effects(gid)[1]).toEqual([1, 1, 0]);
    },
  );

  scenario(
    'whose application dies after RegisterBranch is cancelled at its deadline, an empty rollback (I4, I10)',
    async () => {
      const { gid } = await tcc.begin({ timeoutMs: DEADLINE_MS });
      await tcc.registerBranch(gid, 'points', 'act');
      await eventually(async () => expect((await tcc.get(gid)).status).toBe('CANCELLED'), {
        timeoutMs: DEADLINE_MS + SETTLED_WITHIN_MS,
      });
      expect(points.callsOf(gid, 'cancel')).toBeGreaterThan(0);
      expect(effects(gid)[1]).toEqual([0, 0, 0]);
    },
  );

  scenario('takes no branch once it is decided, and no Try of it is sent (I2, I5)', async () => {
    const { gid } = await tcc.begin();
    await tcc.try(gid, 'stock', 'act');
    await tcc.commit(gid);
    await expect(tcc.registerBranch(gid, 'points', 'act')).rejects.toMatchObject({ code: 'WRONG_STATE' });
    await expect(tcc.try(gid, 'points', 'act')).rejects.toMatchObject({ code: 'WRONG_STATE' });
    expect(points.callsOf(gid, 'try')).toBe(0);
    await expect(tcc.rollback(gid)).rejects.toMatchObject({ code: 'WRONG_STATE' });
    expect((await tcc.get(gid)).status).toBe('CONFIRMED');
  });

  scenario(
    'races its Commit against its deadline: whoever wins, the answer, the journal and the participants agree (I6)',
    async () => {
      const race = async (index: number): Promise<string> => {
        const { gid, deadlineAtMs } = await tcc.begin({ gid: `race-${index}`, timeoutMs: DEADLINE_MS });
        await tcc.try(gid, 'stock', 'act');
        // From before the deadline to well after it; the database's clock is this machine's.
        const offsetMs = (index - 12) * 10;
        await new Promise((resolve) => setTimeout(resolve, deadlineAtMs + offsetMs - Date.now()));
        const said = await tcc.commit(gid).then(
          ({ status }) => status,
          (error: unknown) => (error instanceof TimedOutError ? 'CANCELLED' : String(error)),
        );
        await eventually(async () => expect((await tcc.get(gid)).status).toBe(said), { timeoutMs: SETTLED_WITHIN_MS });
        expect(effects(gid)[0]).toEqual(said === 'CONFIRMED' ? [1, 1, 0] : [1, 0, 1]);
        return said;
      };
      const outcomes = await Promise.all(Array.from({ length: 16 }, (_, index) => race(index)));
      expect(outcomes.at(-1)).toBe('CANCELLED');
    },
  );

  scenario('goes on after kill -9 of its coordinator: what was answered before stands (I8)', async () => {
    const { gid } = await tcc.begin();
    await tcc.try(gid, 'stock', 'act', { before: true });
    await tccd.kill();
    await tccd.start();
    await tcc.try(gid, 'points', 'act');
    expect((await tcc.commit(gid)).status).toBe('CONFIRMED');
    expect(effects(gid)).toEqual([
      [1, 1, 0],
      [1, 1, 0],
    ]);
  });

  scenario('is committed once however often Commit is sent (I1)', async () => {
    const { gid } = await tcc.begin();
    await tcc.try(gid, 'stock', 'act');
    const views = await Promise.all([tcc.commit(gid), tcc.commit(gid), tcc.commit(gid)]);
    expect(views.map(({ status }) => status)).toEqual(['CONFIRMED', 'CONFIRMED', 'CONFIRMED']);
    expect(effects(gid)[0]).toEqual([1, 1, 0]);
  });

  scenario('is not committed while a Try of it is not known to be done (I3)', async () => {
    const { gid } = await tcc.begin();
    stock.hold('try');
    const trying = tcc.try(gid, 'stock', 'act').catch((error: unknown) => error);
    await eventually(() => stock.callsOf(gid, 'try') > 0);
    await expect(tcc.commit(gid)).rejects.toMatchObject({ code: 'BRANCH_NOT_TRIED' });
    stock.release('try');
    await trying;
    expect((await tcc.commit(gid)).status).toBe('CONFIRMED');
  });
});
