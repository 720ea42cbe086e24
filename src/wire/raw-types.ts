import { Root, type Type } from 'protobufjs';
import { join } from 'node:path';

import { protoFolder } from './proto';

/**
 * The messages as protobufjs itself has them: encoded from and decoded to plain fields in one pass. Enums are numbers and
 * absent messages null here. For the streams, where proto-loader's conversions would cost more than everything else.
 */
const root = new Root();
root.resolvePath = (_origin, target) => join(protoFolder, target);
root.loadSync(['tcc/v1/registry_service.proto', 'tcc/v1/transaction_service.proto']);

/** The type of a message of tcc.v1, such as 'AttachRequest'. Throws when there is none. */
export function rawType(name: string): Type {
  return root.lookupType(`tcc.v1.${name}`);
}

/** The numbers of an enum of tcc.v1, such as 'Wait', by name. Throws when there is none. */
export function rawEnum(name: string): Readonly<Record<string, number>> {
  return root.lookupEnum(`tcc.v1.${name}`).values;
}
