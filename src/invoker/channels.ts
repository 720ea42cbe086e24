import { Client, type ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js';

import type { Clock, Timer } from '../lib/clock';
import { channelOptions } from '../wire/channel';

/**
 * How long a channel without calls is kept. Long enough that a quiet participant is not connected to anew for each call, short
 * enough that the addresses of yesterday's instances hold nothing.
 */
export const CHANNEL_KEPT_MS = 5 * 60_000;

/** How often unused channels are looked for. */
const SWEEP_MS = 60_000;

interface Entry {
  readonly client: Client;
  calls: number;
  /** Monotonic. */
  usedAtMs: number;
}

export interface ChannelsOptions {
  readonly messageBytes: number;
  readonly credentials: ChannelCredentials;
}

/** Makes the client of an address; what it connects to is its own. */
export type Connect = (address: string) => Client;

/**
 * One channel per address, made at the first call.
 * C1. A channel with a call on it is never closed, but by close().
 * C2. The timer runs only while there is a channel.
 */
export class Channels {
  private readonly entries = new Map<string, Entry>();
  private readonly connect: Connect;
  private readonly clock: Clock;
  private timer: Timer | undefined;

  /** `connect`: gRPC's own client where nothing is said. */
  constructor(options: ChannelsOptions, clock: Clock, connect: Connect = connectWith(options)) {
    this.clock = clock;
    this.connect = connect;
  }

  /** Runs one call on the address's channel. */
  async use<Result>(address: string, call: (client: Client) => Promise<Result>): Promise<Result> {
    const entry = this.entryOf(address);
    entry.calls += 1;
    try {
      return await call(entry.client);
    } finally {
      entry.calls -= 1;
      entry.usedAtMs = this.clock.monotonicMs();
    }
  }

  /** Closes all of them. */
  close(): void {
    this.timer?.stop();
    this.timer = undefined;
    for (const { client } of this.entries.values()) client.close();
    this.entries.clear();
  }

  private entryOf(address: string): Entry {
    let entry = this.entries.get(address);
    if (entry === undefined) {
      entry = { client: this.connect(address), calls: 0, usedAtMs: this.clock.monotonicMs() };
      this.entries.set(address, entry);
      this.timer ??= this.clock.startTimer(SWEEP_MS, () => this.sweep());
    }
    return entry;
  }

  private sweep(): void {
    const longAgoMs = this.clock.monotonicMs() - CHANNEL_KEPT_MS;
    for (const [address, entry] of this.entries) {
      if (entry.calls > 0 || entry.usedAtMs > longAgoMs) continue;
      entry.client.close();
      this.entries.delete(address);
    }
    this.timer = this.entries.size === 0 ? undefined : this.clock.startTimer(SWEEP_MS, () => this.sweep());
  }
}

function connectWith({ credentials, messageBytes }: ChannelsOptions): Connect {
  const options: ChannelOptions = {
    ...channelOptions,
    'grpc.max_receive_message_length': messageBytes,
    'grpc.max_send_message_length': messageBytes,
  };
  // The scheme is spelled out, so that no address can be taken for another kind of name, such as a path.
  return (address) => new Client(`dns:${address}`, credentials, options);
}
