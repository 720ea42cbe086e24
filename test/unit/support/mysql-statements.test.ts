import { StatementReader } from '../../support/mysql-statements';

function packet(sequence: number, body: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUIntLE(body.length, 0, 3);
  header[3] = sequence;
  return Buffer.concat([header, body]);
}

const query = (sql: string) => packet(0, Buffer.concat([Buffer.from([3]), Buffer.from(sql)]));

function readAll(chunks: readonly Buffer[]) {
  const reader = new StatementReader();
  const pieces = chunks.flatMap((chunk) => reader.read(chunk));
  return {
    bytes: Buffer.concat(pieces.map((piece) => piece.bytes)),
    statements: pieces.flatMap((piece) => piece.statement ?? []),
  };
}

describe('the statement reader', () => {
  const login = packet(1, Buffer.concat([Buffer.from([3]), Buffer.from('COMMIT')]));
  const conversation = Buffer.concat([login, query('BEGIN'), query('SELECT 1'), query(' COMMIT ')]);

  it('finds the statements of one chunk and takes no login packet for one', () => {
    expect(readAll([conversation]).statements).toEqual(['BEGIN', 'SELECT 1', 'COMMIT']);
  });

  it('finds the same statements when the bytes come one by one', () => {
    const single = [...conversation].map((byte) => Buffer.from([byte]));
    expect(readAll(single).statements).toEqual(['BEGIN', 'SELECT 1', 'COMMIT']);
  });

  it('reads a statement that comes with query attributes', () => {
    const body = Buffer.concat([Buffer.from([3, 0, 1]), Buffer.from('COMMIT')]);
    expect(readAll([packet(0, body)]).statements).toEqual(['COMMIT']);
  });

  it('finds the statement after a packet that is larger than what is kept of it', () => {
    const large = query(`INSERT ${'x'.repeat(200_000)}`);
    const { statements } = readAll([large.subarray(0, 100_000), large.subarray(100_000), query('COMMIT')]);
    expect(statements.map((sql) => sql.slice(0, 6))).toEqual(['INSERT', 'COMMIT']);
  });

  it('gives every byte on at once, also of a protocol that is not MySQL', () => {
    const foreign = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    expect(readAll([foreign]).bytes).toEqual(foreign);
    expect(readAll([conversation]).bytes).toEqual(conversation);
  });
});
