import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

import { setLogger } from '@grpc/grpc-js';

import { packageRoot } from '../lib/package-root';
import type { ConfigInput } from './config';
import type { ExitCode } from './exit-codes';
import type { GrpcLine } from './grpc-log';

/** What the program touches outside itself. */
export interface Surroundings extends ConfigInput {
  readonly version: string;
  /** Writes to standard output. */
  readonly print: (text: string) => void;
  /** Writes to standard error. */
  readonly complain: (text: string) => void;
  /** Calls `listener` on SIGTERM and SIGINT; returns what ends that. */
  readonly onSignal: (listener: (signal: string) => void) => () => void;
  /** Calls `listener` on an exception or rejection that nobody caught; returns what ends that. */
  readonly onBug: (listener: (error: unknown) => void) => () => void;
  /** Calls `listener` instead of writing what grpc-js has to say to standard error; returns what ends that. */
  readonly onGrpcLine: (listener: GrpcLine) => () => void;
  /** Ends the process at once. */
  readonly exit: (code: ExitCode) => void;
}

/** The process that this runs in. */
export function thisProcess(): Surroundings {
  return {
    args: process.argv.slice(2),
    env: process.env,
    version: packageVersion(),
    readFile: (path) => readFileSync(path, 'utf8'),
    defaultCoordinatorId: () => `${plainHostname()}-${process.pid}`,
    print: (text) => void process.stdout.write(text),
    complain: (text) => void process.stderr.write(text),
    onSignal: (listener) => listen(['SIGTERM', 'SIGINT'], listener),
    onBug: (listener) => listen(['uncaughtException', 'unhandledRejection'], listener),
    onGrpcLine: listenToGrpc,
    exit: (code) => process.exit(code),
  };
}

/** Cut so that it fits an id together with the process id. */
function plainHostname(): string {
  return hostname()
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 36);
}

function packageVersion(): string {
  const file = readFileSync(join(packageRoot(), 'package.json'), 'utf8');
  return (JSON.parse(file) as { version: string }).version;
}

function listen(events: readonly string[], listener: (value: never) => void): () => void {
  const heard = (value: unknown) => listener(value as never);
  for (const event of events) process.on(event, heard);
  return () => {
    for (const event of events) process.off(event, heard);
  };
}

/** grpc-js has one logger for the whole process; to end the listening is to give it back the one that it began with, or its like. */
function listenToGrpc(listener: GrpcLine): () => void {
  const told =
    (level: Parameters<GrpcLine>[0]) =>
    (...words: readonly unknown[]) =>
      listener(level, words.map(String).join(' '));
  setLogger({ error: told('error'), info: told('info'), debug: told('debug') });
  const complain = (...words: readonly unknown[]) => void process.stderr.write(`${words.map(String).join(' ')}\n`);
  return () => setLogger({ error: complain, info: complain, debug: complain });
}
