import { hostname } from 'node:os';

/** Splits `host:port` or `[host]:port`. Throws on anything else: a participant serves on TCP. */
export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:/\s]+)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw new TypeError(`not an address of the form host:port: ${address}`);
  return { host: match[1] ?? match[2] ?? '', port };
}

/**
 * Where coordinators reach a server that listens on `listen` and got `port`: the same host, or the machine's name when it
 * listens on every interface.
 */
export function advertisedAddress(listen: string, port: number): string {
  const { host } = splitAddress(listen);
  if (host === '0.0.0.0' || /^[0:]+$/.test(host)) return `${hostname()}:${port}`;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
