import assert from 'node:assert/strict';
import { MeshError } from '../../../runtime/errors.ts';
import { ChunkedReader } from '../../../sidecar/http1/chunked.ts';
import { CHUNKED } from '../../../sidecar/http1/framing.ts';
import { BodyWriter } from '../../../sidecar/http1/write-body.ts';
import { cut } from '../mutate.ts';
import type { FuzzTarget } from '../target.ts';
import { readChunks } from './reference.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

/** The chunked coding: read in any pieces, and written again. */
export const chunked: FuzzTarget = {
  name: 'chunked',
  seeds: [
    '0\r\n\r\n',
    '5\r\nabcde\r\n0\r\n\r\n',
    '2;a=b\r\nab\r\n00003\r\ncde\r\n0;x\r\n\r\n',
    'A\r\n0123456789\r\n0\r\nX-Checksum: 1\r\nContent-Length: 5\r\n\r\n',
    `40\r\n${'x'.repeat(64)}\r\n1\r\ny\r\n0\r\n\r\nGET / HTTP/1.1\r\n`,
  ].map(latin1),
  tokens: [
    ...['\r\n', '\n', '\r', '0\r\n\r\n', '0\r\n', ';a=b', ';a="\n"', '\0', ' ', '\t', '+', '-'],
    ...['0x', 'ffffffffffff', 'X: y\r\n', ' y\r\n', '1\r\nx\r\n', '000000000000', '\xff'],
  ].map(latin1),
  run(bytes, random) {
    // The reader moves bytes within its buffers.
    const whole = read([Buffer.from(bytes)]);
    const pieces = read(cut(bytes, random));
    sameInPieces(pieces, whole);
    sameAsReference(bytes, whole);
    if (whole.outcome === 'read') writtenAgain(whole);
    return `${whole.outcome} ${whole.trailers !== ''}`;
  },
};

/** What is wrong in an unfinished line of the trailers may be found later. */
function sameInPieces(pieces: Reading, whole: Reading): void {
  if (whole.outcome === 'read' || whole.outcome === 'more') {
    assert.deepEqual(pieces, whole, 'in pieces');
  } else {
    // The chunks before what is wrong are told where they came in a buffer of their own.
    assert.ok(pieces.outcome === whole.outcome || pieces.outcome === 'more');
    assert.ok(pieces.body.startsWith(whole.body));
  }
}

interface Reading {
  /** A code, `more`, or `read`. */
  readonly outcome: string;
  /** In latin1, what was passed on before the outcome. */
  readonly body: string;
  readonly trailers: string;
  /** How much was read as the body, when it ended. */
  readonly length: number;
}

function read(pieces: readonly Buffer[]): Reading {
  const reader = new ChunkedReader();
  let body = '';
  let trailers = '';
  let ends = 0;
  const sink = {
    onBody: (bytes: Buffer) => {
      assert.ok(bytes.length > 0, 'an empty piece');
      assert.equal(ends, 0, 'a piece after the end');
      body += bytes.toString('latin1');
    },
    onBodyEnd: (lines: Buffer | undefined) => {
      ends += 1;
      trailers = lines?.toString('latin1') ?? '';
    },
  };
  let length = 0;
  try {
    for (const piece of pieces) {
      if (reader.done) break;
      length += reader.read(piece, 0, sink);
    }
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    return { outcome: error.code, body, trailers, length: 0 };
  }
  assert.equal(ends, reader.done ? 1 : 0, 'the end is told once');
  return { outcome: reader.done ? 'read' : 'more', body, trailers, length };
}

/** Limits aside, another reader comes to the same body and the same end. */
function sameAsReference(bytes: Buffer, { outcome, body, length }: Reading): void {
  const reference = readChunks(bytes.toString('latin1'));
  if (outcome === 'read') assert.deepEqual(reference, { body, length });
  else if (outcome !== 'head-too-large' && bytes.length < 4096)
    assert.equal(reference, undefined, 'only the reference reads it');
}

/** What we write is read as the same body with the same trailers. */
function writtenAgain({ body, trailers }: Reading): void {
  const written: Buffer[] = [];
  const writer = new BodyWriter(
    {
      peer: { address: '', port: 0, identity: undefined, workload: undefined },
      attach: () => {},
      write: (bytes: Buffer) => written.push(bytes) > 0,
      end: () => {},
      destroy: () => {},
      pause: () => {},
      resume: () => {},
    },
    CHUNKED,
  );
  writer.write(latin1(body));
  writer.end(trailers === '' ? undefined : latin1(trailers));
  const bytes = Buffer.concat(written);
  assert.deepEqual(read([bytes]), { outcome: 'read', body, trailers, length: bytes.length });
}
