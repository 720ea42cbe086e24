import { splitAddress } from '../../src/lib/address';
import { startTcpProxy, type TcpProxy } from '../../test/support/tcp-proxy';

/** Between whom bytes travel. */
export type LinkKind =
  | 'client to coordinator'
  | 'coordinator to database'
  | 'participant to coordinator'
  | 'coordinator to participant'
  | 'participant to database';

export interface Link {
  readonly kind: LinkKind;
  /** Whose it is: the coordinator's or the participant's. */
  readonly owner: string;
  readonly proxy: TcpProxy;
}

/** Every connection of the run goes through one of these. */
export class Links {
  private readonly all: Link[] = [];

  /** Puts a proxy before host:port and returns the address to use instead. */
  async before(address: string, kind: LinkKind, owner: string): Promise<string> {
    const { host, port } = splitAddress(address);
    const proxy = await startTcpProxy({ host, port });
    this.all.push({ kind, owner, proxy });
    return `127.0.0.1:${proxy.port}`;
  }

  /** Puts a proxy before a database and returns the URL that leads through it. */
  async beforeDatabase(databaseUrl: string, kind: LinkKind, owner: string): Promise<string> {
    const url = new URL(databaseUrl);
    url.host = await this.before(url.host, kind, owner);
    return url.href;
  }

  of(kind: LinkKind): readonly Link[] {
    return this.all.filter((link) => link.kind === kind);
  }

  /** Ends every fault of every link. */
  heal(): void {
    for (const { proxy } of this.all) {
      proxy.dropRepliesAfter(0);
      proxy.dropRequests(0);
      proxy.resume();
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map(({ proxy }) => proxy.stop()));
  }
}
