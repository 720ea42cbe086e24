/** gRPC by hand, over node:http2: whatever bytes and headers a test wants. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2';

import { decodeDetails, DETAILS_TRAILER } from '../../../src/wire/error-details';
import { statusName } from '../../../src/wire/status';

/** How one call ended. */
export interface Answer {
  /** By its name; undefined when there is none: an HTTP error, a reset, silence. */
  readonly grpc: string | undefined;
  readonly message: string;
  readonly http: number | undefined;
  readonly reason: string | undefined;
  /** The fields at fault. */
  readonly fields: readonly string[];
  /** All that came, frames included. */
  readonly body: Buffer;
  /** The stream was reset, or the connection broken. */
  readonly broken: boolean;
}

/** A length-prefixed message. */
export function frame(message: Uint8Array, flag = 0): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flag;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** The messages of a body. */
export function messagesOf(body: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at + 5 <= body.length;) {
    const length = body.readUInt32BE(at + 1);
    messages.push(body.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return messages;
}

/** Above any wait that a server under test may need; a call that has not ended by then is given up as silent. */
const SILENT_MS = 40_000;

export class RawConnection {
  readonly session: ClientHttp2Session;

  constructor(port: number) {
    this.session = connect(`http://127.0.0.1:${port}`);
    this.session.on('error', () => undefined);
  }

  /** Opens a call and leaves it open. */
  open(path: string, headers: OutgoingHttpHeaders = {}): RawCall {
    return new RawCall(
      this.session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
      }),
    );
  }

  /** Makes a whole call. */
  post(path: string, body: readonly Uint8Array[], headers: OutgoingHttpHeaders = {}): Promise<Answer> {
    const call = this.open(path, headers);
    for (const piece of body) call.stream.write(piece);
    call.stream.end();
    return call.answer;
  }

  close(): void {
    this.session.destroy();
  }
}

export class RawCall {
  readonly stream: ClientHttp2Stream;
  readonly answer: Promise<Answer>;
  private readonly headers: Record<string, unknown> = {};
  private readonly chunks: Buffer[] = [];
  isOver = false;

  constructor(stream: ClientHttp2Stream) {
    this.stream = stream;
    for (const event of ['response', 'trailers']) {
      stream.on(event, (headers: object) => void Object.assign(this.headers, headers));
    }
    stream.on('data', (chunk: Buffer) => this.chunks.push(chunk));
    this.answer = new Promise((resolve) => {
      let broken = false;
      const silence = setTimeout(() => stream.close(), SILENT_MS);
      stream.on('error', () => (broken = true));
      // What the server has ended is half open, and not closed, until this side ends as well.
      stream.on('end', () => stream.end());
      stream.on('close', () => {
        clearTimeout(silence);
        this.isOver = true;
        resolve(this.read(broken || stream.rstCode !== 0));
      });
    });
  }

  get messages(): Buffer[] {
    return messagesOf(Buffer.concat(this.chunks));
  }

  private read(broken: boolean): Answer {
    const { headers } = this;
    const code = headers['grpc-status'];
    const trailer = headers[DETAILS_TRAILER];
    const details = decodeDetails(Buffer.from(typeof trailer === 'string' ? trailer : '', 'base64'));
    const message = headers['grpc-message'];
    return {
      grpc: code === undefined ? undefined : statusName(Number(code)),
      message: typeof message === 'string' ? decodeURIComponent(message) : '',
      http: headers[':status'] as number | undefined,
      reason: details.reason,
      fields: details.violations.map(({ field }) => field),
      body: Buffer.concat(this.chunks),
      broken,
    };
  }
}
