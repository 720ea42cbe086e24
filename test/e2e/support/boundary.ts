import type { TransactionStatus } from '../../../src/engine/model';
import type { Order } from '../../../samples/shop/place-order/place-order';
import { eventually } from '../../support/eventually';
import type { TcpProxy } from '../../support/tcp-proxy';
import type { Coordinator } from './coordinator';
import type { Rows } from './rows';
import type { Service, ServiceName } from './service';
import { BEGIN, CANCEL, commitOf, CONFIRM, FINISH, once } from './statements';

/** Where a coordinator is killed, between two commits or in the middle of a phase. */
export interface Boundary {
  /** Completes "a coordinator killed …". */
  readonly where: string;
  /** What is durable at that moment. */
  readonly durable: TransactionStatus | undefined;
  /** What must become of the order. */
  readonly end: 'CONFIRMED' | 'CANCELLED';
  /** What is ordered; default: a lamp. */
  readonly order?: Partial<Order>;
  /** Invariants that it shows. */
  readonly shows: string;
  /** Prepares the stop; `wait` resolves when the coordinator stands at the boundary. */
  readonly arm: (scene: Scene) => Promise<Stop>;
}

export interface Scene {
  readonly proxy: TcpProxy;
  readonly tccd: Coordinator;
  readonly shop: Readonly<Record<ServiceName, Service>>;
  readonly rows: Rows;
  readonly gid: string;
}

export interface Stop {
  readonly wait: () => Promise<void>;
  /** Takes away what held things up; to be called once the coordinator is dead. */
  readonly lift: () => Promise<void>;
}

type Matcher = (sql: string) => boolean;

/** The database does the statement, and its reply does not come back. */
function replyHeld(match: () => Matcher): Boundary['arm'] {
  return ({ proxy }) => {
    const matches = match();
    let isHeld = false;
    proxy.dropRepliesAfter((sql) => {
      if (matches(sql)) {
        // The statement itself is past the gate already: it goes to the server.
        proxy.pause();
        isHeld = true;
      }
      return false;
    });
    return Promise.resolve({ wait: () => untilTrue(() => isHeld), lift: () => disarm(proxy) });
  };
}

/** The coordinator dies in the moment in which it sends the statement, which never arrives. */
function requestLost(match: () => Matcher): Boundary['arm'] {
  return ({ proxy, tccd }) => {
    const matches = match();
    let isLost = false;
    proxy.dropRequests((sql) => {
      if (!matches(sql)) return false;
      tccd.killNow();
      isLost = true;
      return true;
    });
    return Promise.resolve({ wait: () => untilTrue(() => isLost), lift: () => disarm(proxy) });
  };
}

/** Payments holds its call of the phase, and the other two have answered theirs. */
function callHeld(phase: 'try' | 'confirm' | 'cancel'): Boundary['arm'] {
  return async ({ shop, gid }) => {
    await shop.payments.hold(phase);
    return {
      wait: async () => {
        await Promise.all([shop.orders.report(gid, phase), shop.inventory.report(gid, phase)]);
      },
      lift: () => shop.payments.release(phase),
    };
  };
}

export const boundaries: readonly Boundary[] = [
  {
    where: 'before the begin is durable',
    durable: undefined,
    end: 'CONFIRMED',
    shows: 'I2, I8',
    arm: requestLost(() => once(BEGIN)),
  },
  {
    where: 'after the begin is durable and before any Try',
    durable: 'TRYING',
    end: 'CONFIRMED',
    shows: 'I2, I8',
    arm: replyHeld(() => once(BEGIN)),
  },
  {
    where: 'while one Try is out and two are answered',
    durable: 'TRYING',
    end: 'CONFIRMED',
    shows: 'I3, I10',
    arm: callHeld('try'),
  },
  {
    where: 'after every Try and before the decision is durable',
    durable: 'TRYING',
    end: 'CONFIRMED',
    shows: 'I3, I10',
    arm: requestLost(() => once(CONFIRM)),
  },
  {
    where: 'after the decision to confirm and before any Confirm',
    durable: 'CONFIRMING',
    end: 'CONFIRMED',
    shows: 'I1, I8',
    arm: replyHeld(() => once(CONFIRM)),
  },
  {
    where: 'while one Confirm is out and two are answered',
    durable: 'CONFIRMING',
    end: 'CONFIRMED',
    shows: 'I7, I10',
    arm: callHeld('confirm'),
  },
  {
    where: 'after every Confirm and before the end is durable',
    durable: 'CONFIRMING',
    end: 'CONFIRMED',
    shows: 'I7, I10',
    arm: requestLost(() => once(FINISH)),
  },
  {
    where: 'after the end is durable and before anybody heard of it',
    durable: 'CONFIRMED',
    end: 'CONFIRMED',
    shows: 'I8, I9',
    arm: replyHeld(() => once(FINISH)),
  },
  {
    where: 'before the decision to cancel is durable',
    durable: 'TRYING',
    end: 'CANCELLED',
    order: { sku: 'clock', quantity: 5 },
    shows: 'I4, I10',
    arm: requestLost(() => once(CANCEL)),
  },
  {
    where: 'after the decision to cancel and before any Cancel',
    durable: 'CANCELLING',
    end: 'CANCELLED',
    order: { sku: 'clock', quantity: 5 },
    shows: 'I1, I4',
    arm: replyHeld(() => commitOf(CANCEL)),
  },
  {
    where: 'while one Cancel is out and two are answered',
    durable: 'CANCELLING',
    end: 'CANCELLED',
    order: { sku: 'clock', quantity: 5 },
    shows: 'I7, I10',
    arm: callHeld('cancel'),
  },
  {
    where: 'after every Cancel and before the end is durable',
    durable: 'CANCELLING',
    end: 'CANCELLED',
    order: { sku: 'clock', quantity: 5 },
    shows: 'I7, I10',
    arm: requestLost(() => once(FINISH)),
  },
];

/** Brings the transaction to the boundary and kills the coordinator there with -9. */
export async function killAt(boundary: Boundary, scene: Scene, begin: () => void): Promise<void> {
  const stop = await boundary.arm(scene);
  begin();
  await stop.wait();
  await eventually(async () => (await scene.rows.statusOf(scene.gid)) === boundary.durable);
  await scene.tccd.kill();
  await stop.lift();
}

function disarm(proxy: TcpProxy): Promise<void> {
  proxy.dropRepliesAfter(0);
  proxy.dropRequests(0);
  proxy.resume();
  return Promise.resolve();
}

async function untilTrue(look: () => boolean): Promise<void> {
  await eventually(look, { everyMs: 5 });
}
