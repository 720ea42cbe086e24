/** Three bytes of length and one sequence number come before each packet's body. */
const HEADER_BYTES = 4;

const OK = 0x00;
const ERROR = 0xff;

/** In the status of an OK: another statement of the same packet is still to be answered. */
const MORE_RESULTS = 8;

/**
 * Finds the end of a reply in the server's half of a MySQL conversation. Statements that were sent together are answered one by one,
 * some servers send each answer as it comes, and only the last one says that all of them were done.
 */
export class ReplyReader {
  private kept: Buffer = Buffer.alloc(0);
  private sequence = 0;

  /** Takes the next bytes of the reply; true once the server is done with what it was asked. Rows, and what is no reply, count as the end. */
  isOver(chunk: Buffer): boolean {
    this.kept = Buffer.concat([this.kept, chunk]);
    while (this.kept.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + this.kept.readUIntLE(0, 3);
      if (this.kept[3] !== this.sequence + 1) return true;
      if (this.kept.length < end) return false;
      this.sequence += 1;
      const body = this.kept.subarray(HEADER_BYTES, end);
      this.kept = this.kept.subarray(end);
      if (body[0] === ERROR || body[0] !== OK || !announcesMore(body)) return true;
    }
    return false;
  }
}

function announcesMore(ok: Buffer): boolean {
  const afterRows = 1 + numberBytes(ok, 1);
  const afterId = afterRows + numberBytes(ok, afterRows);
  return (ok.readUInt16LE(afterId) & MORE_RESULTS) !== 0;
}

/** How many bytes a length-encoded number takes. */
function numberBytes(bytes: Buffer, at: number): number {
  switch (bytes[at]) {
    case 0xfc:
      return 3;
    case 0xfd:
      return 4;
    case 0xfe:
      return 9;
    default:
      return 1;
  }
}
