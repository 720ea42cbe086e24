import type { ConnectionOptions } from 'mysql2';

import type { Tls } from './database-url';

/** How mysql2 takes what the database URL says of TLS. */
export function sslOptions(tls: Tls): NonNullable<ConnectionOptions['ssl']> & object {
  return {
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    rejectUnauthorized: tls.rejectUnauthorized,
    verifyIdentity: tls.verifyIdentity,
  };
}
