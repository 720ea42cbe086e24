import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A key pair of an authority and what it signs; paths of PEM files. */
export interface Signed {
  readonly cert: string;
  readonly key: string;
}

/** An authority of the test's own, in a private folder. Its certificates are good for a day. Needs the program openssl. */
export class Authority {
  /** The path of its certificate. */
  readonly ca: string;
  private readonly folder = mkdtempSync(join(tmpdir(), 'tcc-ca-'));
  private readonly key: string;
  private made = 0;

  /** Whether there is a program to make certificates with, which is not on every machine. */
  static isPossible(): boolean {
    const { status, stdout } = spawnSync('openssl', ['version'], { encoding: 'utf8' });
    return status === 0 && stdout.startsWith('OpenSSL 3');
  }

  constructor() {
    this.ca = join(this.folder, 'ca.pem');
    this.key = join(this.folder, 'ca.key');
    openssl('req', '-x509', ...newKey(this.key), '-out', this.ca, '-subj', '/CN=an authority', '-days', '1');
  }

  /** A certificate for a server with these names, as openssl writes them: DNS:localhost, IP:127.0.0.1. */
  sign(...names: readonly string[]): Signed {
    const at = join(this.folder, String((this.made += 1)));
    const signed = { cert: `${at}.pem`, key: `${at}.key` };
    const by = ['-CA', this.ca, '-CAkey', this.key];
    const what = ['-subj', '/CN=a server', '-addext', `subjectAltName=${names.join(',')}`];
    openssl('req', '-x509', ...newKey(signed.key), ...by, ...what, '-out', signed.cert, '-days', '1');
    return signed;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function newKey(path: string): string[] {
  return ['-newkey', 'rsa:2048', '-nodes', '-keyout', path];
}

function openssl(...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (error !== undefined)
    throw new Error('the program openssl cannot be run, and certificates are made with it', { cause: error });
  if (status !== 0) throw new Error(`openssl ${args.join(' ')} failed:\n${stderr}`);
}
