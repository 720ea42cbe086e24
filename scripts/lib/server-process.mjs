// Servers that are started for the suites on a private folder and a free port, and are gone afterwards.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { endGroup } from './run.mjs';

/** How long a server may take from its start to its first answer, in milliseconds: a busy machine is slow. */
const READY_WITHIN_MS = 60_000;

/** How long one look at the port may take, in milliseconds. */
const LOOK_MS = 2_000;

/**
 * Starts a server and waits until `ready(port)` says that it answers. Returns its port and how to stop it.
 * `argsFor(port)` makes its arguments. Another process may take the free port first: then a second one is tried.
 * Throws with the end of its log when it does not come up.
 */
export async function startServer({ command, argsFor, ready, stopSignal, logFile, uid, gid, signal }) {
  for (let triesLeft = 2; ; triesLeft -= 1) {
    const port = await freePort();
    const log = openSync(logFile, 'w');
    const child = spawn(command, argsFor(port), { uid, gid, detached: true, stdio: ['ignore', log, log] });
    closeSync(log);
    let ended;
    child.on('error', (error) => (ended = error.message));
    child.on('exit', (code, name) => (ended ??= `it ended with ${name ?? `exit code ${code}`}`));
    const failure = await waitUntilReady(
      () => ready(port),
      () => ended,
      signal,
    );
    if (failure === undefined) return { port, stop: () => endGroup(child.pid, stopSignal, 30_000) };
    if (child.pid !== undefined) await endGroup(child.pid, 'SIGKILL');
    signal?.throwIfAborted();
    const lastLines = readFileSync(logFile, 'utf8').trim().split('\n').slice(-8);
    const portIsTaken = lastLines.some((line) => /address already in use|port.*in use/i.test(line));
    if (!portIsTaken || triesLeft === 0) throw new Error([failure, ...lastLines].join('\n    '));
  }
}

async function waitUntilReady(ready, ended, signal) {
  const endMs = performance.now() + READY_WITHIN_MS;
  while (performance.now() < endMs) {
    if (signal?.aborted) return 'interrupted';
    const isReady = await ready();
    if (ended() !== undefined) return ended();
    if (isReady) return undefined;
    await pause(50);
  }
  return `no answer within ${READY_WITHIN_MS / 1000} s`;
}

/** A TCP port of 127.0.0.1 that nobody listens on at this moment. */
async function freePort() {
  const server = createServer();
  await new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Sends `greeting` (if any) to a port and resolves to whether `accepts` says yes to what has come back so far. */
export function exchange(port, greeting, accepts, host = '127.0.0.1') {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    let received = Buffer.alloc(0);
    const finish = (answer) => {
      resolve(answer);
      socket.destroy();
    };
    socket.setTimeout(LOOK_MS, () => finish(false));
    socket.on('error', () => finish(false));
    socket.on('close', () => finish(false));
    socket.on('connect', () => greeting && socket.write(greeting));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (accepts(received)) finish(true);
    });
  });
}

/** Whether a MySQL-family server at the port sends its greeting: a packet of protocol version 10. */
export function greetsAsMysql(port, host) {
  return exchange(port, undefined, (received) => received.length > 4 && received[4] === 10, host);
}
