/**
 * Lengths in bits of the codes of RFC 7541 Appendix B, by symbol, the last for the end
 * of string. The code is canonical: the lengths alone tell the codes.
 */
export const CODE_LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
  28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5,
  6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6,
  7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23,
  23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22,
  22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22,
  23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27,
  27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25,
  24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

const MAX_CODE_LENGTH = 30;
const END_OF_STRING = 256;

/**
 * The codes by symbol, written from the lengths: within one length they rise with the
 * symbol, and each length goes on where the shorter one stopped.
 */
function assignCodes(): Uint32Array {
  const codes = new Uint32Array(CODE_LENGTHS.length);
  let code = 0;
  for (let length = 1; length <= MAX_CODE_LENGTH; length++) {
    for (let symbol = 0; symbol < CODE_LENGTHS.length; symbol++) {
      if (CODE_LENGTHS[symbol] === length) codes[symbol] = code++;
    }
    code *= 2;
  }
  return codes;
}

/**
 * The decoder's tree, eight bits a step. A node is 256 entries in a row; an entry is
 * 0 (no such code), the place of the next node, or a symbol: `SYMBOL | length << 8 |
 * symbol`, where the length counts the bits used of these eight.
 */
const SYMBOL = 1 << 24;
const TREE: Int32Array = buildTree();

function buildTree(): Int32Array {
  const codes = assignCodes();
  const tree = new Int32Array(256 * 64);
  let end = 256;
  for (let symbol = 0; symbol < END_OF_STRING; symbol++) {
    const code = codes[symbol] as number;
    let length = CODE_LENGTHS[symbol] as number;
    let node = 0;
    while (length > 8) {
      length -= 8;
      const at = node + ((code >>> length) & 0xff);
      if (tree[at] === 0) {
        tree[at] = end;
        end += 256;
      }
      node = tree[at] as number;
    }
    const first = node + ((code << (8 - length)) & 0xff);
    tree.fill(SYMBOL | (length << 8) | symbol, first, first + (1 << (8 - length)));
  }
  return tree;
}

/** The most bytes that so many encoded ones become: the shortest code has five bits. */
export function decodedLimit(encodedBytes: number): number {
  return (encodedBytes * 8) / 5 + 1;
}

/**
 * Decodes `from` to `to` into `target`, which must have room for `decodedLimit`.
 *
 * @returns how many bytes there are; -1 when it is no valid code, or the padding is
 *   not the beginning of the end-of-string code, shorter than eight bits (RFC 7541 §5.2)
 */
export function decodeHuffman(bytes: Buffer, from: number, to: number, target: Buffer): number {
  let length = 0;
  let node = 0;
  let bits = 0;
  let bitCount = 0;
  /** Since the last symbol. */
  let pendingCount = 0;
  for (let i = from; i < to; i++) {
    bits = ((bits << 8) | (bytes[i] as number)) & 0xffffff;
    bitCount += 8;
    pendingCount += 8;
    while (bitCount >= 8) {
      const entry = TREE[node + ((bits >>> (bitCount - 8)) & 0xff)] as number;
      if (entry >= SYMBOL) {
        target[length++] = entry & 0xff;
        bitCount -= (entry >>> 8) & 0xff;
        pendingCount = bitCount;
        node = 0;
      } else if (entry === 0) {
        return -1;
      } else {
        node = entry;
        bitCount -= 8;
      }
    }
  }
  while (bitCount > 0) {
    const entry = TREE[node + ((bits << (8 - bitCount)) & 0xff)] as number;
    const used = (entry >>> 8) & 0xff;
    if (entry < SYMBOL || used > bitCount) break;
    target[length++] = entry & 0xff;
    bitCount -= used;
    pendingCount = bitCount;
    node = 0;
  }
  const padding = (1 << bitCount) - 1;
  if (pendingCount > 7 || (bits & padding) !== padding) return -1;
  return length;
}
