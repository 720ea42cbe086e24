import { callEntryBytes, phaseNumbers, type RawCallEntry, type RawReplyEntry } from '../../src/wire/attach';
import { Framer } from '../../src/wire/framer';
import type { Relayed } from './relay';
import { REMAINING_MS } from './relayed';

/** A participant on its Attach stream. */
export class RelayedStream implements Relayed {
  private readonly framer: Framer<RawCallEntry>;
  private readonly waiting = new Map<number, () => void>();
  private lastId = 0;

  constructor(send: (entries: readonly RawCallEntry[]) => boolean) {
    this.framer = new Framer(send);
  }

  call: Relayed['call'] = (phase, gid, { branchId, action, payload }) =>
    new Promise((resolve) => {
      const id = (this.lastId += 1);
      const call = { gid, branchId, action, attempt: 1, remainingMs: REMAINING_MS, payload };
      const entry = { id, phase: phaseNumbers[phase], call };
      this.waiting.set(id, resolve);
      this.framer.push(entry, callEntryBytes(entry), this.waiting.size === 1);
    });

  answered(entries: readonly RawReplyEntry[]): void {
    for (const { id } of entries) {
      this.waiting.get(id)?.();
      this.waiting.delete(id);
    }
  }

  drained(): void {
    this.framer.drained();
  }
}
