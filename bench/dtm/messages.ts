/** The few messages and methods of DTM's gRPC interface that a TCC transaction needs, written down from its documentation. */
import { parse } from 'protobufjs';

const proto = `
  syntax = "proto3";
  package dtmgimp;
  message DtmTransOptions {
    bool WaitResult = 1;
  }
  message DtmRequest {
    string Gid = 1;
    string TransType = 2;
    DtmTransOptions TransOptions = 3;
  }
  message DtmBranchRequest {
    string Gid = 1;
    string TransType = 2;
    string BranchID = 3;
    string Op = 4;
    map<string, string> Data = 5;
    bytes BusiPayload = 6;
  }
`;

const { root } = parse(proto, { keepCase: true });

/** Serialises a message of DTM's. */
export function serialiser(name: 'DtmRequest' | 'DtmBranchRequest'): (message: object) => Buffer {
  const type = root.lookupType(`dtmgimp.${name}`);
  return (message) => Buffer.from(type.encode(message).finish());
}

/** DTM's method by its name. */
export function methodOf(name: 'Prepare' | 'RegisterBranch' | 'Submit'): string {
  return `/dtmgimp.Dtm/${name}`;
}

/** The participants' methods: DTM passes the payload on as the request, byte for byte. */
export const workMethods = {
  try: '/bench.Work/Try',
  confirm: '/bench.Work/Confirm',
  cancel: '/bench.Work/Cancel',
} as const;

/** Every reply is google.protobuf.Empty. */
export const EMPTY = Buffer.alloc(0);
