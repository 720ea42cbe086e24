import { CancelledError } from 'tcc-coordinator/client';
import { placeOrder, type Order } from '../place-order/place-order';
import { until } from './patience';
import type { Stage } from './stage';

/** One order of the tour: what is done to it, what must come of it. */
interface Scene {
  readonly order: Order;
  /** What we did to it. */
  readonly deed: string;
  readonly expected: Outcome;
  /** Places it, and says why it ended as it did. */
  readonly play: (stage: Stage, order: Order) => Promise<Ending>;
}

export type Outcome = 'CONFIRMED' | 'CANCELLED';

interface Ending {
  readonly outcome: Outcome;
  readonly why: string;
}

export interface SceneResult extends Ending {
  readonly order: Order;
  readonly deed: string;
  readonly expected: Outcome;
  readonly tookMs: number;
}

export const tourSeeds = {
  inventory: { SHOP_STOCK: 'lamp=10,chair=5,clock=1' },
  orders: {},
  payments: { SHOP_ACCOUNTS: 'ada=100000,bob=50000,carl=500' },
};

/** The deadline of the order whose payment dawdles, in milliseconds. */
const SHORT_DEADLINE_MS = 1000;
/** How long a fault may take to show, in milliseconds. */
const FAULT_MS = 10_000;

const scenes: readonly Scene[] = [
  {
    order: { orderId: 'order-1', buyer: 'ada', sku: 'lamp', quantity: 2, price: 1999 },
    deed: 'nothing: ada buys 2 lamps',
    expected: 'CONFIRMED',
    play: async (stage, order) => {
      const end = await settle(stage, order);
      return { ...end, why: 'all three services said yes to Try, so all three were told to Confirm' };
    },
  },
  {
    order: { orderId: 'order-2', buyer: 'bob', sku: 'clock', quantity: 3, price: 4900 },
    deed: 'bob wants 3 clocks, there is 1',
    expected: 'CANCELLED',
    play: settle,
  },
  {
    order: { orderId: 'order-3', buyer: 'carl', sku: 'chair', quantity: 1, price: 8900 },
    deed: 'carl has 5.00, a chair costs 89.00',
    expected: 'CANCELLED',
    play: settle,
  },
  {
    order: { orderId: 'order-1', buyer: 'ada', sku: 'lamp', quantity: 2, price: 1999 },
    deed: 'ada clicks again: the same order once more',
    expected: 'CONFIRMED',
    play: async (stage, order) => {
      const end = await settle(stage, order);
      return { ...end, why: 'the order number is the transaction id: the same answer, nothing sold twice' };
    },
  },
  {
    order: { orderId: 'order-4', buyer: 'bob', sku: 'lamp', quantity: 1, price: 1999 },
    deed: 'kill -9 payments after its Try, before its Confirm; then start it again',
    expected: 'CONFIRMED',
    play: async (stage, order) => {
      const payments = stage.service('payments');
      await payments.hold('confirm');
      const { outcome } = await settleWhile(stage, order, async () => {
        await decided(stage, order);
        await payments.kill();
        await payments.start();
      });
      const confirm = await payments.report(order.orderId, 'confirm');
      const why = `decided is decided: Confirm was repeated until payments was back, and the fence let it through once (${confirm.detail})`;
      return { outcome, why };
    },
  },
  {
    order: { orderId: 'order-5', buyer: 'ada', sku: 'chair', quantity: 1, price: 8900 },
    deed: `payments dawdles over its Try, the deadline is ${SHORT_DEADLINE_MS / 1000} s`,
    expected: 'CANCELLED',
    play: async (stage, order) => {
      const payments = stage.service('payments');
      await payments.hold('try');
      const end = await settle(stage, order, SHORT_DEADLINE_MS);
      const cancel = await payments.report(order.orderId, 'cancel');
      await payments.release('try');
      const late = await payments.report(order.orderId, 'try');
      const why = `${end.why}; Cancel found no Try (${cancel.detail}); the Try that came after it: ${late.answer}, "${late.detail}"`;
      return { outcome: end.outcome, why };
    },
  },
  {
    order: { orderId: 'order-6', buyer: 'bob', sku: 'chair', quantity: 2, price: 8900 },
    deed: 'kill -9 the coordinator between its decision and the Confirms; then start it again',
    expected: 'CONFIRMED',
    play: async (stage, order) => {
      const services = [stage.service('inventory'), stage.service('orders'), stage.service('payments')];
      await Promise.all(services.map((service) => service.hold('confirm')));
      const { outcome } = await settleWhile(stage, order, async () => {
        await decided(stage, order);
        await stage.killCoordinator();
        await Promise.all(services.map((service) => service.release('confirm')));
        await stage.startCoordinator();
      });
      const heard = stage.service('inventory').heard(order.orderId, 'confirm');
      const why = `the decision was on disk: the restarted coordinator found it and carried it out; the inventory heard Confirm ${heard.length} times and sold once (${heard.join(', ')})`;
      return { outcome, why };
    },
  },
];

/** Plays the scenes one after the other and reports each as it ends. */
export async function playTour(stage: Stage, onResult: (result: SceneResult) => void): Promise<SceneResult[]> {
  const results: SceneResult[] = [];
  for (const { order, deed, expected, play } of scenes) {
    const startedAt = performance.now();
    const ending = await play(stage, order);
    const result = { order, deed, expected, ...ending, tookMs: performance.now() - startedAt };
    onResult(result);
    results.push(result);
  }
  return results;
}

/** Places the order and waits for its end, whatever happens to the coordinator meanwhile. */
async function settle(stage: Stage, order: Order, timeoutMs?: number): Promise<Ending> {
  try {
    await placeOrder(stage.tcc, order, timeoutMs === undefined ? {} : { timeoutMs });
    return { outcome: 'CONFIRMED', why: '' };
  } catch (error) {
    if (!(error instanceof CancelledError)) throw error;
    return { outcome: 'CANCELLED', why: reasonOf(error) };
  }
}

/** The same, with something done to it while it is under way. */
async function settleWhile(stage: Stage, order: Order, deed: () => Promise<void>): Promise<Ending> {
  const [ending] = await Promise.all([settle(stage, order), deed()]);
  return ending;
}

function reasonOf({ reason }: CancelledError): string {
  switch (reason.code) {
    case 'REFUSED':
      return `REFUSED by ${reason.branchId}: ${reason.message}`;
    case 'TIMED_OUT':
      return 'TIMED_OUT: the deadline passed before all had said yes';
    case 'UNREACHABLE':
    case 'ROLLED_BACK':
      return `${reason.code}: ${reason.message}`;
  }
}

/** Waits until the decision to confirm is durable, while the Confirms are still under way. */
async function decided(stage: Stage, { orderId }: Order): Promise<void> {
  await until(`${orderId} is decided`, FAULT_MS, async () => {
    const status = await stage.statusOf(orderId);
    return status === 'CONFIRMING' ? true : undefined;
  });
}
