import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { parseDatabaseUrl } from '../../../src/journal/database-url';

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
    ['mysql://h/a/b', 'must name the database'],
    ['mysql://h:port/d', 'cannot be read'],
    ['mysql://h/d?ssl=1', 'unknown option ssl'],
    ['mysql://h/d?ssl-mode=maybe', 'ssl-mode must be one of'],
    ['mysql://h/d?ssl-ca=/no/such/file', 'cannot be read'],
  ])('%s is refused', (url, why) => {
    expect(() => parseDatabaseUrl(url)).toThrow(why);
  });

  test('no fault tells the password', () => {
    expect(() => parseDatabaseUrl('mysql://u:secret@h')).toThrow(/^(?!.*secret).*$/);
  });
});
