import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import { Child } from '../lab/child';
import type { Coordinator, Processes } from '../lab/cluster';
import type { DatabaseServer } from '../lab/database';

/** Runs DTM's binary on a fresh database of the same server that tccd uses. */
export async function startDtm(
  processes: Processes,
  server: DatabaseServer,
  {
    binary,
    schema = join(dirname(resolve(binary)), 'sqls/dtmsvr.storage.mysql.sql'),
  }: { binary: string; schema?: string },
): Promise<Coordinator> {
  const database = await server.create('dtm');
  for (const statement of statementsFor(database, readFileSync(schema, 'utf8'))) await server.query(statement);
  const folder = mkdtempSync(join(tmpdir(), 'tcc-bench-dtm-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const [http, grpc, jsonRpc] = [await freePort(), await freePort(), await freePort()];
  const config = join(folder, 'conf.yml');
  writeFileSync(config, settings(server, database, { http, grpc, jsonRpc }));
  const command = resolve(binary);
  const child = processes.own(new Child({ name: 'DTM', command, args: ['-c', config], cwd: folder }));
  await listens(grpc);
  return { child, address: `127.0.0.1:${grpc}` };
}

/** DTM's own schema, which names the database `dtm`, for another name. */
function statementsFor(database: string, schema: string): string[] {
  return schema
    .replaceAll(/\bdtm\./g, `${database}.`)
    .split(';')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '' && !/^CREATE DATABASE/i.test(statement));
}

function settings(
  server: DatabaseServer,
  database: string,
  ports: { readonly http: number; readonly grpc: number; readonly jsonRpc: number },
): string {
  const { hostname, port, username, password } = new URL(server.urlOf(database));
  return `Store:
  Driver: mysql
  Host: ${hostname}
  Port: ${port || '3306'}
  User: ${username || 'root'}
  Password: '${decodeURIComponent(password)}'
  Db: ${database}
  MaxOpenConns: 50
  MaxIdleConns: 50
UpdateBranchSync: 1
LogLevel: error
HttpPort: ${ports.http}
GrpcPort: ${ports.grpc}
JsonRpcPort: ${ports.jsonRpc}
`;
}

/** How long DTM may take until it listens, in milliseconds. */
const START_MS = 20_000;

async function listens(port: number): Promise<void> {
  const { connect } = await import('node:net');
  for (let waitedMs = 0; waitedMs < START_MS; waitedMs += 100) {
    const open = await new Promise<boolean>((done) => {
      const socket = connect(port, '127.0.0.1', () => done(true));
      socket.on('error', () => done(false));
      socket.on('connect', () => socket.destroy());
    });
    if (open) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`DTM does not listen after ${START_MS} ms`);
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
