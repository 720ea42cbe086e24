// Writes src/wire/generated: the TypeScript types of proto/tcc/v1. Run by every build; the output is not committed.
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const tool = createRequire(import.meta.url).resolve('@grpc/proto-loader/build/bin/proto-loader-gen-types.js');
const out = `${root}/src/wire/generated`;
const services = ['transaction', 'participant', 'registry', 'admin'].map((name) => `tcc/v1/${name}_service.proto`);

rmSync(out, { recursive: true, force: true });
execFileSync(
  process.execPath,
  [
    tool,
    '--longs=Number',
    '--enums=String',
    '--defaults',
    '--oneofs',
    '--grpcLib=@grpc/grpc-js',
    '--includeComments',
  ].concat([`--includeDirs=${root}/proto`, `--outDir=${out}`], services),
  { stdio: ['ignore', 'ignore', 'inherit'] },
);
