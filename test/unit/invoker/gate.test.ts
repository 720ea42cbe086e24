import { Gate, type Passage } from '../../../src/invoker/gate';
import { FakeClock, settled } from './fake-clock';

describe('Gate', () => {
  let clock: FakeClock;
  let gate: Gate;

  beforeEach(() => {
    clock = new FakeClock();
    gate = new Gate({ inFlight: 1, waiting: 2 }, clock);
  });

  /** Enters and keeps what came of it; undefined while it waits. */
  function enter(participant: string, timeoutMs = 100): { passage: Passage | undefined } {
    const entry: { passage: Passage | undefined } = { passage: undefined };
    void gate.enter(participant, timeoutMs).then((passage) => (entry.passage = passage));
    return entry;
  }

  it('lets in as many as it may, makes some wait and turns the rest away, for each participant by itself', async () => {
    const entries = [1, 2, 3, 4].map(() => enter('stock'));
    const other = enter('payments');
    await settled();
    expect(entries.map(({ passage }) => passage)).toEqual(['enters', undefined, undefined, 'full']);
    expect(other.passage).toBe('enters');
  });

  it('who waited longest is next', async () => {
    const entries = [1, 2, 3].map(() => enter('stock'));
    gate.leave('stock');
    await settled();
    expect(entries.map(({ passage }) => passage)).toEqual(['enters', 'enters', undefined]);
    gate.leave('stock');
    gate.leave('stock');
    await settled();
    expect(entries.map(({ passage }) => passage)).toEqual(['enters', 'enters', 'enters']);
    expect(clock.waiting).toBe(0);
    const again = enter('stock');
    await settled();
    expect(again.passage).toBe('enters');
  });

  it('who waits too long is late, and takes no place', async () => {
    const [, late, patient] = [enter('stock'), enter('stock', 50), enter('stock', 500)];
    await clock.pass(50);
    expect([late.passage, patient.passage]).toEqual(['late', undefined]);
    gate.leave('stock');
    await settled();
    expect(patient.passage).toBe('enters');
  });

  it('a closed gate lets nobody in and nobody wait', async () => {
    const entries = [enter('stock'), enter('stock')];
    gate.close();
    await settled();
    expect(entries.map(({ passage }) => passage)).toEqual(['enters', 'closed']);
    const after = enter('payments');
    await settled();
    expect(after.passage).toBe('closed');
    expect(clock.waiting).toBe(0);
  });
});
