import type { Knex } from 'knex';
import { pino } from 'pino';
import { createFence, type Fence } from 'tcc-coordinator/fence';
import { knexExecutor } from 'tcc-coordinator/fence/knex';
import { createParticipant, type BatchActionHandlers } from 'tcc-coordinator/participant';
import { openDatabase, type Dialect } from '../database/open';
import { Workbench } from './workbench';

/** What a service builds on. */
export interface ServiceParts {
  readonly db: Knex;
  readonly dialect: Dialect;
  readonly fence: Fence;
  /** Offers an action to the coordinator. */
  readonly offer: (action: string, handlers: BatchActionHandlers) => void;
}

/**
 * Runs one service of the shop until SIGTERM or SIGINT. The environment says how:
 * - SHOP_DATABASE_URL: its own database, `sqlite:PATH` or `mysql://…`. Default: `sqlite:NAME.sqlite`.
 * - TCC_ADDRESS: the coordinators, separated by commas. Default: 127.0.0.1:8480.
 * - SHOP_ATTACH: `off` keeps it from attaching to the coordinators by streams; they call it where it listens then.
 * - SHOP_LISTEN: where it listens; `off` for nowhere, which an attached service can do without. Default: 127.0.0.1:0, any free port.
 * - SHOP_ADVERTISE: where the coordinators reach it, when that is another address.
 * - SHOP_INSTANCE_ID: stays the same over restarts, so that a restarted service replaces its old self at once.
 * - SHOP_LOG_LEVEL: of the lines on stderr. Default: warn.
 *
 * Prints one line of JSON when it is ready: `{"ready":true,"listening":"host:port"}`, without the address where it has none.
 */
export async function runService(name: string, build: (parts: ServiceParts) => Promise<void>): Promise<void> {
  const env = process.env;
  const { db, dialect } = openDatabase(env.SHOP_DATABASE_URL ?? `sqlite:${name}.sqlite`);
  const fence = createFence({ dialect });
  await fence.createTable(knexExecutor(db));

  const listen = env.SHOP_LISTEN ?? '127.0.0.1:0';
  const listens = listen !== 'off';
  const participant = createParticipant({
    name,
    coordinators: (env.TCC_ADDRESS ?? '127.0.0.1:8480').split(','),
    attach: env.SHOP_ATTACH !== 'off',
    ...(listens ? { listen } : {}),
    ...(env.SHOP_ADVERTISE === undefined ? {} : { advertise: env.SHOP_ADVERTISE }),
    ...(env.SHOP_INSTANCE_ID === undefined ? {} : { instanceId: env.SHOP_INSTANCE_ID }),
    logger: pino({ name, level: env.SHOP_LOG_LEVEL ?? 'warn' }, pino.destination(2)),
  });
  const workbench = new Workbench();
  workbench.listen();
  const offer = (action: string, handlers: BatchActionHandlers): void => {
    participant.action(action, workbench.around(handlers));
  };

  await build({ db, dialect, fence, offer });
  await participant.start();
  const where = listens ? { listening: participant.address } : {};
  process.stdout.write(`${JSON.stringify({ ready: true, ...where })}\n`);

  await untilToldToStop();
  workbench.releaseAll();
  await participant.stop();
  await db.destroy();
}

function untilToldToStop(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve());
  });
}
