/** The proto's messages as they are described, to be encoded with values that no client would send. */
import { join } from 'node:path';

import { Enum, type Field, Root, Service, type Type } from 'protobufjs';

import { protoFolder } from '../../../src/wire/proto';

const root = new Root();
root.resolvePath = (_origin, target) => join(protoFolder, target);
root.loadSync(
  ['registry', 'transaction', 'admin', 'participant'].map((name) => `tcc/v1/${name}_service.proto`),
  { keepCase: true },
);
root.resolveAll();

export type Message = Readonly<Record<string, unknown>>;

export function typeOf(name: string): Type {
  return root.lookupType(`tcc.v1.${name}`);
}

/** Field names as in the .proto files. */
export function encode(name: string, message: Message): Buffer {
  return Buffer.from(typeOf(name).encode(message).finish());
}

export function decode(name: string, bytes: Uint8Array): Message {
  return typeOf(name).toObject(typeOf(name).decode(bytes), { longs: Number, enums: String });
}

export interface Rpc {
  readonly path: string;
  readonly request: string;
  readonly requestStream: boolean;
}

/** Every method that a coordinator serves. */
export function rpcs(): Rpc[] {
  const served = ['TransactionService', 'RegistryService', 'AdminService'];
  return served.flatMap((name) => {
    const service = root.lookup(`tcc.v1.${name}`);
    if (!(service instanceof Service)) throw new Error(`no service ${name}`);
    return service.methodsArray.map((method) => ({
      path: `/tcc.v1.${name}/${method.name}`,
      request: method.requestType.split('.').at(-1) ?? '',
      requestStream: method.requestStream === true,
    }));
  });
}

/** One field somewhere in a request. */
export interface Place {
  /** `Message.field`, where its rule stands. */
  readonly key: string;
  /** The fields that lead to it, itself last. */
  readonly fields: readonly Field[];
}

/** Every field of a message, at all depths. */
export function placesOf(name: string, before: readonly Field[] = []): Place[] {
  return typeOf(name).fieldsArray.flatMap((field) => {
    const fields = [...before, field];
    const place = { key: `${name}.${field.name}`, fields };
    const { resolvedType } = field;
    if (resolvedType === null || resolvedType instanceof Enum) return [place];
    return [place, ...placesOf(resolvedType.name, fields)];
  });
}

/** The path as violations name it: list elements are the first ones. */
export function pathOf({ fields }: Place): string {
  return fields
    .map(({ name, repeated }, index) => (repeated && index < fields.length - 1 ? `${name}[0]` : name))
    .join('.');
}

/** The message with another value at that place; messages on the way are made where they are absent. */
export function withValue(message: Message, fields: readonly Field[], value: unknown): Message {
  const [field, ...rest] = fields;
  if (field === undefined) return message;
  if (rest.length === 0) return { ...message, [field.name]: value };
  const inner = message[field.name];
  if (!field.repeated) return { ...message, [field.name]: withValue((inner ?? {}) as Message, rest, value) };
  const [first = {}, ...others] = (inner ?? []) as Message[];
  return { ...message, [field.name]: [withValue(first, rest, value), ...others] };
}

/** A field's tag. */
export function tag(field: number, wireType: number): Buffer {
  return varint(field * 8 + wireType);
}

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** A field of bytes, text or a message. */
export function delimited(field: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([tag(field, 2), varint(bytes.length), bytes]);
}
