import { eventually } from '../../support/eventually';

describe('eventually', () => {
  it('returns what the check returns once it holds', async () => {
    let looks = 0;
    const seen = await eventually(() => (looks += 1) > 2 && `look ${looks}`, { everyMs: 1 });
    expect(seen).toBe('look 3');
  });

  it('goes on while the check throws', async () => {
    let looks = 0;
    await eventually(() => expect((looks += 1)).toBe(3), { everyMs: 1 });
    expect(looks).toBe(3);
  });

  it('ends with the last failure when the time is over', async () => {
    const never = eventually(() => Promise.reject(new Error('no such row')), { timeoutMs: 30, everyMs: 5 });
    await expect(never).rejects.toThrow('not met within 30 ms: no such row');
  });

  it('gives up a check that hangs', async () => {
    const hanging = eventually(() => new Promise<void>(() => undefined), { timeoutMs: 30, everyMs: 5 });
    await expect(hanging).rejects.toThrow('not met within 30 ms');
  });
});
