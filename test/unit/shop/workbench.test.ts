import type { BranchCall } from 'tcc-coordinator/participant';
import { Workbench } from '../../../samples/shop/service/workbench';

const call = { gid: 'o-1', branchId: 'b-1', attempt: 1 } as unknown as BranchCall;

describe('the workbench', () => {
  test('lets calls through while nothing is held', async () => {
    const workbench = new Workbench();
    const handlers = workbench.around({ try: () => 'reply', confirm: () => undefined, cancel: () => undefined });
    await expect(handlers.try(call)).resolves.toBe('reply');
  });

  test('holds the calls of one phase until it is told to release them', async () => {
    const workbench = new Workbench();
    const seen: string[] = [];
    const note = (phase: string) => () => seen.push(phase);
    const handlers = workbench.around({ try: note('try'), confirm: note('confirm'), cancel: note('cancel') });

    workbench.hold('try');
    const held = [handlers.try(call), handlers.try(call)];
    await handlers.cancel(call);
    expect(seen).toEqual(['cancel']);

    workbench.release('try');
    await Promise.all(held);
    await handlers.try(call);
    expect(seen).toEqual(['cancel', 'try', 'try', 'try']);
  });

  test('hands a handler’s error through', async () => {
    const workbench = new Workbench();
    const refuse = () => Promise.reject(new Error('no stock'));
    const handlers = workbench.around({ try: refuse, confirm: refuse, cancel: refuse });
    await expect(handlers.try(call)).rejects.toThrow('no stock');
  });

  test('holds and hands through batches as well', async () => {
    const workbench = new Workbench();
    const single = { try: () => undefined, confirm: () => undefined, cancel: () => undefined };
    const handlers = workbench.around({
      ...single,
      tryBatch: (calls: readonly BranchCall[]) => Promise.resolve(calls.map(() => 'reply')),
    });
    workbench.hold('try');
    const held = handlers.tryBatch?.([call, call]);
    const answered = jest.fn();
    void held?.then(answered);
    await Promise.resolve();
    expect(answered).not.toHaveBeenCalled();
    workbench.release('try');
    await expect(held).resolves.toEqual(['reply', 'reply']);
    expect(handlers.confirmBatch).toBeUndefined();
  });
});
