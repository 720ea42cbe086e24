import { MysqlCluster } from '../../test/e2e/support/mysql-cluster';
import { isAlive, isStopped } from './process-state';
import { productOf, run } from './sql';

/**
 * Three nodes of MySQL Group Replication that hold the coordinators' journal, in a database of its own. The coordinators reach
 * them without a proxy: what fails here are the nodes.
 */
export class JournalCluster {
  /** With all hosts, as `tccd` is given it. */
  readonly url: string;
  readonly version: string;
  private readonly cluster: MysqlCluster;
  private readonly name: string;
  /** The nodes are nobody's children: they are ended also when the run breaks in a way that nobody thought of. */
  private readonly atExit = () => {
    for (const pid of this.cluster.pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  };

  private constructor(
    cluster: MysqlCluster,
    found: { readonly url: string; readonly name: string; readonly version: string },
  ) {
    this.cluster = cluster;
    this.url = found.url;
    this.name = found.name;
    this.version = found.version;
    process.once('exit', this.atExit);
  }

  /** Starts a fresh cluster by a program as TCC_TEST_MYSQL_CLUSTER names it. */
  static async start(program: string): Promise<JournalCluster> {
    const cluster = await MysqlCluster.start(program);
    try {
      const database = await cluster.createDatabase();
      const [row] = await run(cluster.urlOf(await cluster.primary(), database.name), 'SELECT VERSION() AS version');
      return new JournalCluster(cluster, { ...database, version: productOf(String(row?.['version'])) });
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Where the journal takes writes now, past every coordinator. */
  async primaryUrl(): Promise<string> {
    return this.cluster.urlOf(await this.cluster.primary(), this.name);
  }

  /** Waits until all nodes are members in one view; the number of the primary. */
  whole(): Promise<number> {
    return this.cluster.whole();
  }

  /** Waits until the other nodes have a primary. */
  async elected(without: number): Promise<void> {
    await this.cluster.primary([without]);
  }

  kill(number: number): void {
    this.cluster.kill(number);
  }

  rejoin(number: number): Promise<void> {
    return this.cluster.rejoin(number);
  }

  freeze(number: number): void {
    this.cluster.freeze(number);
  }

  thaw(number: number): void {
    this.cluster.thaw(number);
  }

  isAlive(number: number): boolean {
    return isAlive(this.pidOf(number));
  }

  isFrozen(number: number): boolean {
    return isStopped(this.pidOf(number));
  }

  /** Takes back what a fault may have left. Returns which nodes were dead. */
  async mend(): Promise<string[]> {
    const faults: string[] = [];
    for (const number of this.cluster.pids.map((_pid, index) => index + 1)) {
      if (this.isFrozen(number)) this.thaw(number);
      if (this.isAlive(number)) continue;
      faults.push(`node ${number} of the cluster was left dead`);
      await this.rejoin(number);
    }
    return faults;
  }

  /** Ends it and removes its data. */
  async close(): Promise<void> {
    process.off('exit', this.atExit);
    await this.cluster.stop();
  }

  private pidOf(number: number): number {
    return this.cluster.pids[number - 1] ?? 0;
  }
}
