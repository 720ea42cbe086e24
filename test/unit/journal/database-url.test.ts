import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { labelOf, parseDatabaseUrl, type MysqlAddress } from '../../../src/journal/database-url';

describe('the database URL', () => {
  test('sqlite: takes a relative or an absolute path', () => {
    expect(parseDatabaseUrl('sqlite:tccd.sqlite')).toEqual({ kind: 'sqlite', path: 'tccd.sqlite' });
    expect(parseDatabaseUrl('sqlite:/var/lib/tccd.sqlite')).toEqual({ kind: 'sqlite', path: '/var/lib/tccd.sqlite' });
    expect(parseDatabaseUrl('sqlite:///var/lib/tccd.sqlite')).toEqual({ kind: 'sqlite', path: '/var/lib/tccd.sqlite' });
  });

  test.each(['mysql', 'mariadb'])('%s:// names everything', (scheme) => {
    expect(parseDatabaseUrl(`${scheme}://us%40er:p%2Fw@db.example:3307/tcc`)).toEqual({
      kind: 'mysql',
      host: 'db.example',
      port: 3307,
      hosts: [{ host: 'db.example', port: 3307 }],
      user: 'us@er',
      password: 'p/w',
      database: 'tcc',
      tls: undefined,
    });
  });

  test('the port, the user and the password have defaults, and IPv6 hosts lose their brackets', () => {
    expect(parseDatabaseUrl('mysql://[::1]/tcc')).toMatchObject({
      host: '::1',
      port: 3306,
      user: 'root',
      password: '',
    });
  });

  test('several hosts are read in their order, each with the default port', () => {
    const address = parseDatabaseUrl('mysql://u:p,w@h1:3307,h2,[::1]:3308/tcc?ssl-mode=REQUIRED');
    expect(address).toMatchObject({
      host: 'h1',
      port: 3307,
      hosts: [
        { host: 'h1', port: 3307 },
        { host: 'h2', port: 3306 },
        { host: '::1', port: 3308 },
      ],
      password: 'p,w',
      database: 'tcc',
    });
    expect(labelOf(address as MysqlAddress)).toBe('h1:3307,h2:3306,::1:3308/tcc');
  });

  test('a CA alone asks for a verified identity', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tcc-ca-'));
    try {
      const ca = join(folder, 'ca.pem');
      writeFileSync(ca, 'PEM');
      const verified = { ca: 'PEM', rejectUnauthorized: true, verifyIdentity: true };
      expect(parseDatabaseUrl(`mysql://h/d?ssl-ca=${ca}`)).toMatchObject({ tls: verified });
      expect(parseDatabaseUrl(`mysql://h/d?ssl-ca=${ca}&ssl-mode=verify_ca`)).toMatchObject({
        tls: { ...verified, verifyIdentity: false },
      });
      expect(() => parseDatabaseUrl(`mysql://h/d?ssl-ca=${ca}&ssl-mode=disabled`)).toThrow('contradicts');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('REQUIRED encrypts without verifying, as the mysql client does', () => {
    expect(parseDatabaseUrl('mysql://h/d?ssl-mode=REQUIRED')).toMatchObject({
      tls: { ca: undefined, rejectUnauthorized: false, verifyIdentity: false },
    });
  });

  test.each([
    ['postgres://h/d', 'must start with'],
    ['sqlite:', 'path'],
    ['sqlite::memory:', 'must be a file'],
    ['mysql://h', 'must name the database'],
    ['mysql://h1,h2,h1:3306/d', 'names h1:3306 twice'],
    ['mysql://h1,,h2/d', 'host is missing'],
    ['mysql://h1,h2:port/d', 'cannot be read'],
    [`mysql://${Array.from({ length: 10 }, (_unused, index) => `h${index}`).join(',')}/d`, 'at most 9'],
    ['mysql://u:100%@h/d', 'a % must be followed'],
    ['mysql://h/a/b', 'must name the database'],
    ['mysql://h:port/d', 'cannot be read'],
    ['mysql://h/d?ssl=1', 'unknown option ssl'],
    ['mysql://h/d?ssl-mode=maybe', 'ssl-mode must be one of'],
    ['mysql://h/d?ssl-ca=/no/such/file', 'cannot be read'],
  ])('%s is refused', (url, why) => {
    expect(() => parseDatabaseUrl(url)).toThrow(why);
  });

  test('no fault tells the password', () => {
    for (const url of ['mysql://u:secret@h', 'mysql://u:secret@h1,h2:x/d', 'mysql://u:secret%@h1,h2/d']) {
      expect(() => parseDatabaseUrl(url)).toThrow(/^(?!.*secret).*$/);
    }
  });
});
