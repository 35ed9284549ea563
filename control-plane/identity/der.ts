import { MeshError } from '../../runtime/errors.ts';

/** One element of a DER encoding (X.690 §8.1): where it begins and ends in its buffer. */
export interface DerElement {
  readonly tag: number;
  /** The element with tag and length, as it was signed. */
  readonly encoded: Buffer;
  readonly content: Buffer;
}

/** Tags that X.509 and PKCS #10 use where we read them. */
export const DER_TAG = {
  integer: 0x02,
  bitString: 0x03,
  objectIdentifier: 0x06,
  sequence: 0x30,
} as const;

/**
 * The elements that stand side by side in some bytes. Signatures are over exact
 * bytes, so these are slices, not copies that were encoded anew. Reads one level
 * and never recurses: the bytes come from strangers.
 *
 * @throws MeshError `bad-der` for indefinite or overlong lengths and truncated elements.
 */
export function readDerElements(bytes: Buffer): DerElement[] {
  const elements: DerElement[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const element = readElement(bytes, offset);
    elements.push(element);
    offset += element.encoded.length;
  }
  return elements;
}

/** The one element that fills the bytes, with the tag that must stand there. */
export function readDerElement(bytes: Buffer, tag: number): DerElement {
  const [element, ...rest] = readDerElements(bytes);
  if (element === undefined || rest.length > 0) throw badDer('one element was expected');
  return expectTag(element, tag);
}

export function expectTag(element: DerElement | undefined, tag: number): DerElement {
  if (element === undefined) throw badDer('an element is missing');
  if (element.tag !== tag) {
    throw badDer(`tag 0x${tag.toString(16)} was expected, not 0x${element.tag.toString(16)}`);
  }
  return element;
}

function readElement(bytes: Buffer, start: number): DerElement {
  const tag = bytes[start];
  const first = bytes[start + 1];
  if (tag === undefined || first === undefined) throw badDer('truncated');
  if ((tag & 0x1f) === 0x1f) throw badDer('tags above 30 are not used here');
  let length = first;
  let content = start + 2;
  if (first >= 0x80) {
    const lengthBytes = first & 0x7f;
    if (lengthBytes === 0 || lengthBytes > 3) throw badDer('indefinite or overlong length');
    if (content + lengthBytes > bytes.length) throw badDer('truncated');
    length = bytes.readUIntBE(content, lengthBytes);
    if (length < 0x80 || length < 256 ** (lengthBytes - 1)) throw badDer('length is not minimal');
    content += lengthBytes;
  }
  const end = content + length;
  if (end > bytes.length) throw badDer('truncated');
  return {
    tag,
    encoded: bytes.subarray(start, end),
    content: bytes.subarray(content, end),
  };
}

function badDer(what: string): MeshError {
  return new MeshError('bad-der', `not valid DER: ${what}`);
}
