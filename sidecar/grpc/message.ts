/** The sentence of a status as `grpc-message` carries it: UTF-8, percent-encoded but for printable ASCII. */
export function encodeGrpcMessage(sentence: string): string {
  if (/^[ -$&-~]*$/.test(sentence)) return sentence;
  let encoded = '';
  for (const byte of Buffer.from(sentence, 'utf8')) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}
