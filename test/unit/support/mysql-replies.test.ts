import { ReplyReader } from '../../support/mysql-replies';

const MORE = 8;

function packet(sequence: number, body: readonly number[]): Buffer {
  return Buffer.from([body.length, 0, 0, sequence, ...body]);
}

const ok = (sequence: number, status: number, rows: readonly number[] = [1]) =>
  packet(sequence, [0, ...rows, 0, status, 0, 0, 0]);
const error = (sequence: number) => packet(sequence, [0xff, 0x26, 0x04, ...Buffer.from('#23000duplicate')]);

test('the reply to one statement is over with it', () => {
  expect(new ReplyReader().isOver(ok(1, 2))).toBe(true);
  expect(new ReplyReader().isOver(error(1))).toBe(true);
});

test('the replies to a script are over with the last one, or with an error, however the bytes come', () => {
  for (const last of [ok(4, 2), error(4)]) {
    const bytes = Buffer.concat([
      ok(1, MORE),
      ok(2, MORE, [0xfc, 1, 2]),
      ok(3, MORE, [0xfe, 1, 2, 3, 4, 5, 6, 7, 8]),
      last,
    ]);
    expect(new ReplyReader().isOver(bytes)).toBe(true);
    const reader = new ReplyReader();
    const seen = [...bytes].map((byte) => reader.isOver(Buffer.from([byte])));
    expect(seen.indexOf(true)).toBe(bytes.length - 1);
  }
});

test('rows, and what is no reply, count as the end', () => {
  expect(new ReplyReader().isOver(packet(1, [1]))).toBe(true);
  expect(new ReplyReader().isOver(Buffer.from('done'))).toBe(true);
});
