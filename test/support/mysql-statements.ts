/** A piece of what the client sent, and the SQL text when the piece ends a COM_QUERY packet. */
export interface SentPiece {
  readonly bytes: Buffer;
  readonly statement: string | undefined;
}

/** Three bytes of length and one sequence number come before each packet's body. */
const HEADER_BYTES = 4;

const COM_QUERY = 0x03;

/** Of each packet at most so much is kept for reading: enough to tell statements apart, whatever the packet's size. */
const KEPT_BYTES = 65_536;

/**
 * Finds the packets in the client's half of a MySQL conversation and reads the statements in them. It never holds bytes
 * back, so that any other protocol passes through it untouched.
 */
export class StatementReader {
  private kept = Buffer.alloc(0);
  private seen = 0;

  /** Every byte of `chunk` comes out at once, in pieces that end where packets end. */
  read(chunk: Buffer): SentPiece[] {
    const pieces: SentPiece[] = [];
    let rest = chunk;
    while (rest.length > 0) {
      const bytes = rest.subarray(0, this.missing());
      rest = rest.subarray(bytes.length);
      this.seen += bytes.length;
      if (this.kept.length < KEPT_BYTES) this.kept = Buffer.concat([this.kept, bytes.subarray(0, KEPT_BYTES)]);
      const complete = this.seen >= HEADER_BYTES && this.missing() === 0;
      pieces.push({ bytes, statement: complete ? statementOf(this.kept) : undefined });
      if (complete) {
        this.kept = Buffer.alloc(0);
        this.seen = 0;
      }
    }
    return pieces;
  }

  /** How many bytes of the header, or else of the packet, are still to come. */
  private missing(): number {
    if (this.seen < HEADER_BYTES) return HEADER_BYTES - this.seen;
    return HEADER_BYTES + this.kept.readUIntLE(0, 3) - this.seen;
  }
}

function statementOf(packet: Buffer): string | undefined {
  const startsACommand = packet[3] === 0;
  if (!startsACommand || packet[HEADER_BYTES] !== COM_QUERY) return undefined;
  const body = packet.subarray(HEADER_BYTES + 1);
  // With query attributes two counts stand before the text: no parameters, one set of them.
  const text = body[0] === 0 && body[1] === 1 ? body.subarray(2) : body;
  return text.toString('utf8').trim();
}
