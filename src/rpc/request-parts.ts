/**
 * Looks at a request before protobufjs decodes it.
 * P1. What has more parts than any request may have is refused after one pass over its tags, which makes no objects. An empty element
 *     of a list takes two bytes on the wire and hundreds in memory: measured, a message of 4 MiB that held nothing else became
 *     300 MB and stood in everybody's way for most of a second.
 * P2. What is no message, or has a field in another wire type than its own, is INVALID_REQUEST with a sentence. protobufjs reads a text
 *     beyond the end of its message, takes what is left for a text that is cut short, and looks at no wire type; what it does not
 *     take, grpc-js calls INTERNAL without a word.
 */
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import { TccError } from '../lib/errors';
import { attachMethod, type AttachUp } from '../wire/attach';
import { packageDefinition } from '../wire/proto';
import { MalformedBytes, Reader } from '../wire/reader';

/**
 * Messages and list elements in a request, at all depths. The largest that validation can accept is an Execute of 1,000 branches (the
 * most that `limits.branches` may be set to) with a payload each.
 */
export const MOST_PARTS = 4_096;

/** Stands for a request that was not decoded. */
export class UnreadableRequest {
  readonly reason: TccError;

  constructor(reason: TccError) {
    this.reason = reason;
  }
}

/** The request, or throws why it could not be read. */
export function readable<Request>(request: Request | UnreadableRequest): Request {
  if (request instanceof UnreadableRequest) throw request.reason;
  return request;
}

/** The service with requests that are looked at first; its handlers may get an UnreadableRequest. */
export function guardedService<Service extends ServiceDefinition>(service: Service): Service {
  const guarded = Object.entries(service).map(([name, method]) => [name, guardedMethod(method)]);
  return Object.fromEntries(guarded) as Service;
}

/** Frames of replies are counted where they are read by hand; a hello is left to protobufjs. */
export const guardedAttach = {
  ...attachMethod,
  requestDeserialize: (bytes: Buffer): AttachUp => {
    const fault = faultOf(attachShape, bytes);
    return fault === undefined ? attachMethod.requestDeserialize(bytes) : { fault: fault.text };
  },
} as const;

function guardedMethod<Request, Response>(method: MethodDefinition<Request, Response>) {
  const { requestType } = method as unknown as { requestType: { type: { name: string } } };
  const shape = shapeOf(requestType.type.name);
  return {
    ...method,
    requestDeserialize: (bytes: Buffer): Request => {
      const fault = faultOf(shape, bytes);
      return fault === undefined ? method.requestDeserialize(bytes) : (unreadable(fault) as Request);
    },
  };
}

interface Fault {
  readonly text: string;
  /** The path of the field at fault, where there is one. */
  readonly field: string | undefined;
}

function unreadable({ text, field }: Fault): unknown {
  const violations = field === undefined ? [] : [{ field, description: text }];
  return new UnreadableRequest(new TccError('INVALID_REQUEST', text, { violations }));
}

/** What is known of a message's fields, by number. */
type Shape = ReadonlyMap<number, KnownField>;
interface KnownField {
  readonly name: string;
  readonly wireType: number;
  readonly repeated: boolean;
  /** Of a message within. */
  readonly shape: (() => Shape) | undefined;
}

const VARINT = 0;
const DELIMITED = 2;

/** A field of DescriptorProto, as far as it is read here. */
interface FieldDescriptor {
  readonly name: string;
  readonly number: number;
  readonly label: string;
  readonly type: string;
  readonly typeName: string;
}

const shapes = new Map<string, Shape>();
const DELIMITED_TYPES = new Set(['TYPE_MESSAGE', 'TYPE_STRING', 'TYPE_BYTES']);

/** Made once for each message of tcc.v1, from its descriptor. No request has numbers of fixed length. */
function shapeOf(message: string): Shape {
  let shape = shapes.get(message);
  if (shape === undefined) {
    const definition = packageDefinition[`tcc.v1.${message}`] as MessageTypeDefinition<object, object>;
    const { field } = definition.type as { readonly field: readonly FieldDescriptor[] };
    shape = new Map(field.map((each) => [each.number, knownField(each)]));
    shapes.set(message, shape);
  }
  return shape;
}

function knownField({ name, label, type, typeName }: FieldDescriptor): KnownField {
  return {
    name: name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    wireType: DELIMITED_TYPES.has(type) ? DELIMITED : VARINT,
    repeated: label === 'LABEL_REPEATED',
    shape: type === 'TYPE_MESSAGE' ? () => shapeOf(typeName.split('.').at(-1) ?? '') : undefined,
  };
}

/** Without its frames, which are somebody else's to read. */
const attachShape: Shape = new Map([...shapeOf('AttachRequest')].filter(([, { name }]) => name !== 'replies'));

/** What is wrong with the bytes before anything looks at what they say. */
function faultOf(shape: Shape, bytes: Buffer): Fault | undefined {
  const scan = new Scan(bytes);
  try {
    const field = scan.fieldAtFault(bytes.length, shape);
    return field === undefined ? undefined : { field, text: `${field}: ${scan.fault}` };
  } catch (error) {
    if (error instanceof MalformedBytes)
      return { field: undefined, text: `the request cannot be read: ${error.message}` };
    throw error;
  }
}

class Scan {
  fault = '';
  private readonly reader: Reader;
  private parts = 0;

  constructor(bytes: Buffer) {
    this.reader = new Reader(bytes, { borrow: true });
  }

  /** Reads a message up to its end; stops at the first field that is at fault and returns its path. */
  fieldAtFault(end: number, shape: Shape): string | undefined {
    const { reader } = this;
    while (reader.at < end) {
      const tag = reader.tag(end);
      const field = shape.get(tag >>> 3);
      if (field === undefined) {
        reader.skip(tag, end);
        continue;
      }
      if (!fits(field, tag & 7)) {
        this.fault = `is not what this field holds (it has the wire type ${tag & 7})`;
        return field.name;
      }
      const inner = this.valueAtFault(tag, field, end);
      if (inner !== undefined) return inner === '' ? field.name : `${field.name}.${inner}`;
    }
    return undefined;
  }

  /** Reads a field's value; the path of the fault within it, '' for itself. */
  private valueAtFault(tag: number, { repeated, shape, wireType }: KnownField, end: number): string | undefined {
    const { reader } = this;
    const from = reader.at;
    reader.skip(tag, end);
    // A list of numbers may come packed: each takes a byte at least.
    if (shape !== undefined) this.parts += 1;
    else if (repeated) this.parts += wireType === VARINT && (tag & 7) === DELIMITED ? reader.at - from : 1;
    if (this.parts > MOST_PARTS) {
      this.fault = `a request may have at most ${MOST_PARTS} list elements and messages within it`;
      return '';
    }
    if (shape === undefined) return undefined;
    reader.at = from;
    return this.fieldAtFault(reader.stop(end), shape());
  }
}

function fits({ repeated, wireType }: KnownField, found: number): boolean {
  return found === wireType || (repeated && wireType === VARINT && found === DELIMITED);
}
