import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy';

/** A proxy in front of a MySQL-family database, and the URL that leads through it. */
export async function proxied(databaseUrl: string): Promise<{ readonly proxy: TcpProxy; readonly url: string }> {
  const url = new URL(databaseUrl);
  const proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port || 3306) });
  url.hostname = '127.0.0.1';
  url.port = String(proxy.port);
  return { proxy, url: url.href };
}
