import { parseDatabaseUrl, type MysqlAddress } from '../../../src/journal/database-url';
import { PROBE_TIMEOUT_MS, type Flavour, type HostAnswer } from '../../../src/journal/host-probe';
import { PrimaryFinder } from '../../../src/journal/primary';
import { sleep } from '../../../src/lib/clock';
import { silentLogger } from '../../../src/lib/logger';
import { VirtualClock } from '../../support/virtual-clock';

const plain: Flavour = { kind: 'plain' };
const group = (view: string): Flavour => ({ kind: 'group', name: 'g', view, isSinglePrimary: true });
const writable = (flavour: Flavour = plain, aheadMs = 0): HostAnswer => ({ kind: 'writable', flavour, aheadMs });
const refusing = (view?: string): HostAnswer => ({
  kind: 'refusing',
  why: 'read_only is on',
  ...(view === undefined ? {} : { flavour: group(view) }),
});
const silent: HostAnswer = { kind: 'silent', why: 'no answer' };

/** Hosts a and b; each says what the test last set, and lets its full time pass before it is silent. */
class Hosts {
  readonly clock = new VirtualClock();
  readonly lines: string[] = [];
  readonly finder: PrimaryFinder;
  changes = 0;
  private readonly says: Record<string, HostAnswer> = {};

  constructor(a: HostAnswer, b: HostAnswer) {
    this.say(a, b);
    const line = (_fields: object, message: string) => this.lines.push(message);
    const logger = { ...silentLogger, info: line, warn: line, error: line };
    const address = parseDatabaseUrl('mysql://a,b/tcc') as MysqlAddress;
    this.finder = new PrimaryFinder(address, { clock: this.clock, random: () => 0, logger }, ({ host }) => ({
      ask: async () => {
        const answer = this.says[host] ?? silent;
        if (answer.kind === 'silent') await sleep(this.clock, PROBE_TIMEOUT_MS);
        return answer;
      },
      close: () => Promise.resolve(),
    }));
    this.finder.onChange(() => (this.changes += 1));
  }

  say(a: HostAnswer, b: HostAnswer): void {
    Object.assign(this.says, { a, b });
  }

  async found(): Promise<string | undefined> {
    const found = this.finder.find().catch(() => undefined);
    await this.clock.advance(PROBE_TIMEOUT_MS);
    this.finder.watch();
    return (await found)?.name;
  }

  get primary(): string | undefined {
    return this.finder.primary?.name;
  }
}

describe('the search for the host that takes writes', () => {
  let hosts: Hosts;

  afterEach(async () => {
    await Promise.all([hosts.finder.stop(), hosts.clock.advance(2 * PROBE_TIMEOUT_MS)]);
    expect(hosts.clock.pending).toBe(0);
  });

  test('fails at the start when there is none, and says what each host said', async () => {
    hosts = new Hosts(refusing(), silent);
    const finding = expect(hosts.finder.find()).rejects.toMatchObject({
      kind: 'unreachable',
      message: 'no host takes writes (a:3306: read_only is on; b:3306: no answer)',
    });
    await hosts.clock.advance(PROBE_TIMEOUT_MS);
    await finding;
  });

  test('refuses to choose between two that take writes, and the one in use stays when a second one appears (C4)', async () => {
    hosts = new Hosts(writable(), writable());
    expect(await hosts.found()).toBeUndefined();
    expect(hosts.lines).toEqual(['several database hosts take writes; none is chosen']);
    hosts.say(refusing(), writable());
    await hosts.clock.advance(1_000);
    expect(hosts.primary).toBe('b:3306');
    hosts.say(writable(), writable());
    await hosts.clock.advance(2_000);
    expect(hosts.primary).toBe('b:3306');
  });

  test('leaves a host that says that it takes no writes, also while there is no other (P2)', async () => {
    hosts = new Hosts(writable(), refusing());
    expect(await hosts.found()).toBe('a:3306');
    hosts.say(refusing(), refusing());
    await hosts.clock.advance(600);
    expect(hosts.primary).toBeUndefined();
    hosts.say(refusing(), writable());
    await hosts.clock.advance(300);
    expect(hosts.primary).toBe('b:3306');
    expect(hosts.changes).toBe(3);
  });

  test('keeps a host that is only silent, and goes on with it when it answers again (P2)', async () => {
    hosts = new Hosts(writable(), refusing());
    await hosts.found();
    hosts.say(silent, refusing());
    await hosts.clock.advance(10_000);
    expect(hosts.primary).toBe('a:3306');
    hosts.say(writable(), refusing());
    await hosts.clock.advance(2_000);
    expect(hosts.changes).toBe(1);
    expect(hosts.lines.at(-1)).toBe('the database host answers again');
  });

  test('moves when the host is silent and another one takes writes, within a second of that', async () => {
    hosts = new Hosts(writable(), refusing());
    await hosts.found();
    hosts.say(silent, refusing());
    await hosts.clock.advance(5_000);
    hosts.say(silent, writable());
    await hosts.clock.advance(800);
    expect(hosts.primary).toBe('b:3306');
  });

  test.each([0, 30, 60, 90, 120, 150, 180, 210, 240])(
    'sees the end of an election in a moment, although the old primary lets everybody wait (it ends after %i ms)',
    async (ms) => {
      hosts = new Hosts(writable(group('3')), refusing('3'));
      await hosts.found();
      hosts.say(silent, refusing('4'));
      // The first silence is waited for: no election is over by then.
      await hosts.clock.advance(500 + PROBE_TIMEOUT_MS + ms);
      hosts.say(silent, writable(group('5')));
      await hosts.clock.advance(110);
      expect(hosts.primary).toBe('b:3306');
    },
  );

  test('outside of clusters a host that is slow for less than its full time is not given up for another (P2)', async () => {
    hosts = new Hosts(writable(), refusing());
    await hosts.found();
    hosts.say(silent, writable());
    await hosts.clock.advance(500 + PROBE_TIMEOUT_MS - 10);
    expect(hosts.primary).toBe('a:3306');
  });

  test('a primary that was replaced while it stood still is not believed when it goes on (C2)', async () => {
    hosts = new Hosts(writable(group('3')), refusing('3'));
    expect(await hosts.found()).toBe('a:3306');
    hosts.say(writable(group('3')), writable(group('4')));
    await hosts.clock.advance(500);
    expect(hosts.primary).toBe('b:3306');
    hosts.say(writable(group('3')), refusing('5'));
    await hosts.clock.advance(1_000);
    expect(hosts.primary).toBeUndefined();
    hosts.say(writable(group('3')), writable(group('5')));
    await hosts.clock.advance(1_000);
    hosts.say(writable(group('3')), silent);
    await hosts.clock.advance(5_000);
    expect(hosts.primary).toBe('b:3306');
  });

  test('a fault that somebody met makes it look at once', async () => {
    hosts = new Hosts(writable(), refusing());
    await hosts.found();
    hosts.say(refusing(), writable());
    hosts.finder.suspect();
    await hosts.clock.advance(1);
    expect(hosts.primary).toBe('b:3306');
  });

  test('clocks that differ are told of', async () => {
    hosts = new Hosts(writable(plain, 0), refusing());
    await hosts.found();
    hosts.say(refusing(), writable(plain, 5_000));
    await hosts.clock.advance(600);
    expect(hosts.lines).toContain('the clocks of the database hosts differ');
  });
});
