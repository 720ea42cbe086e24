import { join } from 'node:path';

import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync, type Options, type PackageDefinition } from '@grpc/proto-loader';

import type { ProtoGrpcType as Admin } from './generated/admin_service';
import type { ProtoGrpcType as Participant } from './generated/participant_service';
import type { ProtoGrpcType as Registry } from './generated/registry_service';
import type { ProtoGrpcType as Transactions } from './generated/transaction_service';
import { packageRoot } from '../lib/package-root';

/** Where the .proto files lie; they are part of the package. */
export const protoFolder = join(packageRoot(), 'proto');

const serviceFiles = ['transaction', 'participant', 'registry', 'admin'].map((name) => `tcc/v1/${name}_service.proto`);

/** How messages look in this code: camelCase, int64 as number (epoch ms fit), enums by name, absent fields defaulted. */
export const loaderOptions: Options = {
  keepCase: false,
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
  includeDirs: [protoFolder],
};

/** All services of tcc.v1, as proto-loader gives them. */
export const packageDefinition: PackageDefinition = loadSync(serviceFiles, loaderOptions);

type Loaded = Admin['tcc']['v1'] & Participant['tcc']['v1'] & Registry['tcc']['v1'] & Transactions['tcc']['v1'];

/** The client constructors and service definitions of tcc.v1. */
export const tccV1 = (loadPackageDefinition(packageDefinition) as unknown as { tcc: { v1: Loaded } }).tcc.v1;
