import type { ChannelOptions, ServerOptions } from '@grpc/grpc-js';

/** Messages on the wire, either way. The default of `limits.messageBytes`: gRPC's own default in every language. */
export const MESSAGE_BYTES = 4 * 1024 * 1024;

/**
 * How often a connection with calls on it is asked whether it lives. Not oftener: servers in Go and C++ hang up on clients that
 * ping much within five minutes without getting data, and a call of two minutes stays below that.
 */
const KEEPALIVE_MS = 30_000;

/** How long the answer to that may take before the connection counts as dead. */
const KEEPALIVE_ANSWER_MS = 10_000;

/**
 * Calls and streams that one connection may have open at the server; more wait in the client. Well above the default limit of
 * watchers and of calls in flight per participant, so that only a client gone wild meets it.
 */
const STREAMS_PER_CONNECTION = 20_000;

/**
 * What every client channel of this project is made with. A peer that is back is used again within two seconds (grpc-js
 * would wait up to two minutes), and nothing retries beneath the engine and the SDK: they alone know what may be repeated.
 * Calls go straight to their peer: a proxy that the environment names is for the world outside, and settings from DNS for nobody.
 */
export const channelOptions: ChannelOptions = {
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  'grpc.enable_retries': 0,
  'grpc.enable_channelz': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.keepalive_time_ms': KEEPALIVE_MS,
  'grpc.keepalive_timeout_ms': KEEPALIVE_ANSWER_MS,
  'grpc.keepalive_permit_without_calls': 0,
  'grpc.max_receive_message_length': MESSAGE_BYTES,
  'grpc.max_send_message_length': MESSAGE_BYTES,
};

/**
 * What a server is made with. `messageBytes`: the largest message it takes and sends. Default: MESSAGE_BYTES.
 * Channelz stays on here: without it grpc-js 1.14 forgets its sessions, and forceShutdown() cuts no connection.
 */
export function serverOptions(limits: { readonly messageBytes?: number } = {}): ServerOptions {
  const messageBytes = limits.messageBytes ?? MESSAGE_BYTES;
  return {
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_ANSWER_MS,
    'grpc.max_concurrent_streams': STREAMS_PER_CONNECTION,
    'grpc.max_receive_message_length': messageBytes,
    'grpc.max_send_message_length': messageBytes,
  };
}
