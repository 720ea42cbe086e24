/**
 * The gRPC server with its three services, health and (behind a switch) reflection.
 * S1. It listens only once `listen` is called: whoever serves behind it is ready by then.
 * S2. Health says NOT_SERVING before anything stops, so that load balancers look elsewhere first.
 * S3. Stopping takes at most `closeMs` plus FLUSH_MS, whatever the clients do.
 */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';

import type { TransactionApi } from '../coordinator/api';
import type { Attachments } from '../invoker/attachments';
import type { Clock } from '../lib/clock';
import { sleep } from '../lib/clock';
import type { IdSource } from '../lib/ids';
import type { Stoppable } from '../lib/lifecycle';
import type { Logger } from '../lib/logger';
import { serverOptions } from '../wire/channel';
import { executeStreamMethod } from '../wire/execute-stream';
import { packageDefinition, tccV1 } from '../wire/proto';
import { adminService, type JournalReader } from './admin-service';
import { Calls, type CallLimits } from './handler';
import { AttachService } from './attach-service';
import { arrivesInTime } from './arrival';
import { type ParticipantRegistry, registryService } from './registry-service';
import { guardedAttach, guardedService } from './request-parts';
import { executeStream } from './execute-stream';
import { transactionCalls } from './transaction-calls';
import { transactionService } from './transaction-service';
import type { RequestLimits } from './validate';

export interface RpcOptions extends CallLimits {
  /** host:port; port 0 takes a free one. */
  readonly listen: string;
  readonly requests: RequestLimits;
  /** The largest message, either way, in bytes. */
  readonly messageBytes: number;
  /** Whether clients may ask for the services' descriptions. */
  readonly reflection: boolean;
  /** How long `stop` waits for calls in flight, in milliseconds. */
  readonly closeMs: number;
}

export interface RpcDeps {
  readonly transactions: TransactionApi;
  readonly journal: JournalReader;
  readonly registry: ParticipantRegistry;
  readonly attachments: Attachments;
  /** Names this coordinator among all. */
  readonly coordinatorId: string;
  /** host:port of every living coordinator on the database. */
  readonly coordinators: () => readonly string[];
  readonly newGid: IdSource;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Every request is looked at before it is decoded. The streams are encoded and decoded without proto-loader's conversions. */
const transactionDefinition = {
  ...guardedService(tccV1.TransactionService.service),
  ExecuteStream: executeStreamMethod,
};
const registryDefinition = { ...guardedService(tccV1.RegistryService.service), Attach: guardedAttach };
const adminDefinition = guardedService(tccV1.AdminService.service);

/** The names that health knows; '' is the whole process. */
const HEALTH_NAMES = ['', 'tcc.v1.TransactionService', 'tcc.v1.RegistryService', 'tcc.v1.AdminService'];

/** Time for the last replies to leave once every call is answered; only streams that never end (health watches) outlast it. */
const FLUSH_MS = 250;

export class RpcServer implements Stoppable {
  readonly name = 'gRPC server';
  private readonly server: Server;
  private readonly health: HealthImplementation;
  private readonly calls: Calls;
  private readonly attached: AttachService;
  private readonly options: RpcOptions;
  private readonly deps: RpcDeps;
  private address: string | undefined;
  private stopping: Promise<void> | undefined;

  constructor(options: RpcOptions, deps: RpcDeps) {
    this.options = options;
    this.deps = deps;
    this.server = new Server({
      ...serverOptions({ messageBytes: options.messageBytes }),
      interceptors: [arrivesInTime(deps.clock)],
    });
    this.calls = new Calls(options, deps);
    this.attached = new AttachService({ ...options.requests, messageBytes: options.messageBytes }, deps);
    this.health = new HealthImplementation(Object.fromEntries(HEALTH_NAMES.map((name) => [name, 'NOT_SERVING'])));
    const served = transactionCalls(options.requests, deps);
    this.server.addService(transactionDefinition, {
      ...transactionService(options.requests, this.calls, served, deps.transactions),
      ExecuteStream: executeStream(options, this.calls, served, deps),
    });
    this.server.addService(registryDefinition, {
      ...registryService(options.requests, this.calls, deps),
      Attach: this.attached.attach,
    });
    this.server.addService(adminDefinition, adminService(options.requests, this.calls, deps));
    this.health.addToServer(this.server);
    if (options.reflection) new ReflectionService(packageDefinition).addToServer(this.server);
  }

  /** Binds, says SERVING, and returns the address as host:port. Rejects when the address cannot be had. */
  async listen(): Promise<string> {
    const { listen } = this.options;
    const port = await new Promise<number>((resolve, reject) => {
      this.server.bindAsync(listen, ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(new Error(`cannot listen on ${listen}: ${error.message}`, { cause: error }));
      });
    });
    this.address = `${listen.slice(0, listen.lastIndexOf(':'))}:${port}`;
    this.setHealth('SERVING');
    return this.address;
  }

  /** Tells every attached instance of the coordinators there are now. */
  announceCoordinators(): void {
    this.attached.announceCoordinators();
  }

  /** Says NOT_SERVING, ends every watch, and streams of calls once what is open on them is answered; calls go on. */
  startDraining(): void {
    this.setHealth('NOT_SERVING');
    this.calls.startDraining();
  }

  /** Waits for the calls in flight, answers DRAINING to those that take too long, then closes every connection. */
  stop(): Promise<void> {
    this.stopping ??= this.close();
    return this.stopping;
  }

  private async close(): Promise<void> {
    this.startDraining();
    const patience = new AbortController();
    const idle = this.calls.idle();
    await Promise.race([idle, sleep(this.deps.clock, this.options.closeMs, patience.signal)]);
    patience.abort();
    this.calls.dismiss();
    await idle;
    await this.attached.stop(FLUSH_MS);
    // forceShutdown cuts no connection when channelz is off (grpc-js 1.14), so drain has to: after FLUSH_MS.
    if (this.address !== undefined) this.server.drain(this.address, FLUSH_MS);
    await new Promise<void>((resolve) => {
      this.server.tryShutdown(() => resolve());
    });
    this.server.forceShutdown();
  }

  private setHealth(status: 'SERVING' | 'NOT_SERVING'): void {
    for (const name of HEALTH_NAMES) this.health.setStatus(name, status);
  }
}
