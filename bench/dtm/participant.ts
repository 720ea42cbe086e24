/** A participant of DTM's that does nothing. Says on standard error where it listens. */
import { Server, ServerCredentials, type handleUnaryCall } from '@grpc/grpc-js';

import { serverOptions } from '../../src/wire/channel';
import { EMPTY, workMethods } from './messages';

const bytes = (value: Buffer): Buffer => value;
const work: handleUnaryCall<Buffer, Buffer> = (_call, done) => done(null, EMPTY);

const server = new Server(serverOptions());
for (const path of Object.values(workMethods)) server.register(path, work, bytes, bytes, 'unary');
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stderr.write(`${JSON.stringify({ msg: 'listening', address: `127.0.0.1:${port}` })}\n`);
});
