/**
 * Texts that stand in every message (an action, a participant, a content type), decoded once and shared from then on: making a
 * string costs several times as much as finding it.
 */

/**
 * How many texts are kept at most, a power of two: more than a coordinator has names in use. Where two of them want the same place,
 * the later one takes it.
 */
const PLACES = 1_024;

/** Longer texts are seldom the same twice. Ids have at most 64 characters. */
const LONGEST = 64;

export class InternedTexts {
  private readonly known: string[] = new Array<string>(PLACES).fill('');

  /** The text in these bytes of UTF-8. */
  read(bytes: Buffer, from: number, to: number): string {
    const length = to - from;
    if (length > LONGEST) return bytes.toString('utf8', from, to);
    if (length === 0) return '';
    const place = placeOf(bytes, from, length);
    const known = this.known[place] as string;
    if (known.length === length && isSame(known, bytes, from)) return known;
    const text = bytes.toString('utf8', from, to);
    this.known[place] = text;
    return text;
  }
}

/** From four of its bytes: names that differ nowhere else take turns, which costs no more than not to know them. */
function placeOf(bytes: Buffer, from: number, length: number): number {
  const last = from + length - 1;
  const ends = Math.imul(bytes[from] as number, 31) ^ Math.imul(bytes[last] as number, 0x2f1);
  const middle =
    Math.imul(bytes[from + (length >>> 1)] as number, 0x11b) ^ ((bytes[from + (length >>> 2)] as number) << 3);
  return (ends ^ middle ^ (length << 4)) & (PLACES - 1);
}

/** True for ASCII only: elsewhere a text's units are not its bytes. */
function isSame(text: string, bytes: Buffer, from: number): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code !== bytes[from + index] || code > 0x7f) return false;
  }
  return true;
}
