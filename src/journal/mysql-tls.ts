/** What the sockets of the MySQL driver need beside an address: TLS, and to be found dead. */
import { connect, isIP, type Socket } from 'node:net';

import type { ConnectionOptions } from 'mysql2';

import type { MysqlAddress, Tls } from './database-url';

/** A dead peer that never says goodbye is found after so long. */
export const KEEPALIVE_AFTER_MS = 10_000;

/**
 * How mysql2 is to open a connection to `address` and what it is to check. `openSocket`: as in MysqlOptions.
 *
 * An IP address needs a socket of our own under VERIFY_IDENTITY: the driver (3.24) tells the TLS layer only names, and Node then checks
 * the certificate against the name under which the socket was opened, which for an address it does not keep, and at last against
 * `localhost`. So a certificate that names the address would be refused, and any server with one for localhost be taken.
 */
export function socketOptions(
  address: MysqlAddress,
  openSocket?: () => Socket,
): Pick<ConnectionOptions, 'ssl' | 'stream'> {
  const { host, port, tls } = address;
  const stream = openSocket === undefined ? {} : { stream: openSocket };
  if (tls === undefined) return stream;
  const ssl = sslOptions(tls);
  if (!tls.verifyIdentity || isIP(host) === 0) return { ssl, ...stream };
  const keepAlive = { keepAlive: true, keepAliveInitialDelay: KEEPALIVE_AFTER_MS };
  const open = openSocket ?? (() => connect({ host, port, noDelay: true, ...keepAlive }));
  // Where Node keeps that name.
  return { ssl, stream: () => Object.assign(open(), { _host: host }) };
}

function sslOptions(tls: Tls): NonNullable<ConnectionOptions['ssl']> & object {
  return {
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    rejectUnauthorized: tls.rejectUnauthorized,
    verifyIdentity: tls.verifyIdentity,
  };
}
