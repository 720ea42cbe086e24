import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { promisify } from 'node:util';

import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';

import { eventually } from '../../support/eventually';

const run = promisify(execFile);

/** An unpacked server starts in seconds; unpacking it the first time takes a minute. */
const START_MS = 240_000;

/** How long a node may take to answer before it counts as away. */
const ANSWER_MS = 1_000;

interface Node {
  readonly number: number;
  readonly port: number;
  pid: number;
}

/** Three nodes of MySQL Group Replication, one of them the primary. What it starts it also ends. */
export class MysqlCluster {
  private readonly program: string;
  private readonly nodes: readonly Node[];

  private constructor(program: string, nodes: readonly Node[]) {
    this.program = program;
    this.nodes = nodes;
  }

  /** Starts a fresh cluster by a program as TCC_TEST_MYSQL_CLUSTER names it. */
  static async start(program: string): Promise<MysqlCluster> {
    const path = resolve(program);
    const { stdout } = await run(path, ['cluster'], { timeout: START_MS });
    const nodes = stdout.split('\n').flatMap((line, index) => {
      const [, port, pid] = /^mysql:\/\/root@127\.0\.0\.1:(\d+) (\d+) /.exec(line) ?? [];
      return pid === undefined ? [] : [{ number: index + 1, port: Number(port), pid: Number(pid) }];
    });
    if (nodes.length !== 3) throw new Error(`${program} cluster printed no three nodes:\n${stdout}`);
    return new MysqlCluster(path, nodes);
  }

  /** An empty database, as an ordinary user sees it who may do what the guide says and no more. */
  async createDatabase(): Promise<{ readonly url: string; readonly name: string }> {
    const name = `tcc_test_${randomBytes(8).toString('hex')}`;
    const primary = await this.primary();
    await this.on(primary, async (connection) => {
      await connection.query(`CREATE DATABASE ${name}`);
      await connection.query(`CREATE USER IF NOT EXISTS tccd IDENTIFIED BY 'secret'`);
      await connection.query(`GRANT ALL ON ${name}.* TO tccd`);
      await connection.query(`GRANT SELECT ON performance_schema.* TO tccd`);
    });
    const hosts = this.nodes.map(({ port }) => `127.0.0.1:${port}`).join(',');
    return { name, url: `mysql://tccd:secret@${hosts}/${name}` };
  }

  /** The primary as those nodes see it that are not among `without`; undefined while there is none. */
  async primaryNow(without: readonly number[] = []): Promise<number | undefined> {
    const asked = this.nodes.filter(({ number }) => !without.includes(number));
    const states = await Promise.all(asked.map((node) => this.stateOf(node.number)));
    return asked.find((_node, index) => states[index] === 'ONLINE PRIMARY')?.number;
  }

  /** The number of the primary, as soon as there is one. */
  async primary(without: readonly number[] = []): Promise<number> {
    let found: number | undefined;
    await eventually(async () => (found = await this.primaryNow(without)) !== undefined, {
      timeoutMs: 60_000,
      everyMs: 50,
    });
    return found ?? 0;
  }

  /** 'ONLINE SECONDARY' and the like; undefined while the node does not answer. */
  async stateOf(number: number): Promise<string | undefined> {
    const [row] = await this.ask(
      number,
      "SELECT CONCAT(member_state, ' ', member_role) AS state FROM performance_schema.replication_group_members WHERE member_id = @@server_uuid",
    );
    return row === undefined ? undefined : String(row['state']).trim();
  }

  /** Where a node is, straight and as root. */
  urlOf(number: number, database: string): string {
    return `mysql://root@127.0.0.1:${this.node(number).port}/${database}`;
  }

  /** The process ids of the nodes, in the order of their numbers. */
  get pids(): readonly number[] {
    return this.nodes.map(({ pid }) => pid);
  }

  /** kill -9. */
  kill(number: number): void {
    process.kill(this.node(number).pid, 'SIGKILL');
  }

  freeze(number: number): void {
    process.kill(this.node(number).pid, 'SIGSTOP');
  }

  thaw(number: number): void {
    process.kill(this.node(number).pid, 'SIGCONT');
  }

  /** Starts a killed node and joins it to the group. */
  async rejoin(number: number): Promise<void> {
    const { stdout } = await run(this.program, ['cluster-rejoin', String(number)], { timeout: START_MS });
    const [, pid] = /^mysql:\S+ (\d+) /m.exec(stdout) ?? [];
    this.node(number).pid = Number(pid);
  }

  /**
   * Waits until all three are members again, in one view: a node that stood still says for seconds that nothing has changed.
   * Returns the number of the primary.
   */
  async whole(): Promise<number> {
    await eventually(
      async () => {
        const views = await Promise.all(this.nodes.map(({ number }) => this.viewOf(number)));
        return views[0] !== undefined && views.every((view) => view === views[0]);
      },
      { timeoutMs: 60_000, everyMs: 200 },
    );
    return this.primary();
  }

  /** The group as a node sees it when all of its members are there; undefined when they are not, or when it does not answer. */
  private async viewOf(number: number): Promise<string | undefined> {
    const [row] = await this.ask(
      number,
      "SELECT (SELECT MAX(view_id) FROM performance_schema.replication_group_member_stats) AS view, COUNT(*) AS members FROM performance_schema.replication_group_members WHERE member_state = 'ONLINE'",
    );
    return row?.['members'] === this.nodes.length ? String(row['view']) : undefined;
  }

  /** Ends it and removes its data. A frozen node would not hear that it is to end. */
  async stop(): Promise<void> {
    for (const { pid } of this.nodes) {
      try {
        process.kill(pid, 'SIGCONT');
      } catch {
        // It was killed, and is gone.
      }
    }
    await run(this.program, ['cluster-stop'], { timeout: START_MS });
  }

  /** No rows when the node does not answer. */
  private async ask(number: number, sql: string): Promise<readonly RowDataPacket[]> {
    try {
      return await this.on(number, async (connection) => {
        const [rows] = await connection.query<RowDataPacket[]>({ sql, timeout: ANSWER_MS });
        return rows;
      });
    } catch {
      return [];
    }
  }

  private async on<T>(number: number, work: (connection: Connection) => Promise<T>): Promise<T> {
    const { port } = this.node(number);
    const connection = await createConnection({ host: '127.0.0.1', port, user: 'root', connectTimeout: ANSWER_MS });
    connection.on('error', () => undefined);
    try {
      return await work(connection);
    } finally {
      connection.destroy();
    }
  }

  private node(number: number): Node {
    const node = this.nodes.find((each) => each.number === number);
    if (node === undefined) throw new Error(`the cluster has no node ${number}`);
    return node;
  }
}
