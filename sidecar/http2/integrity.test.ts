import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect as connectPlain, createServer, type Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { systemClock } from '../../runtime/clock.ts';
import { TestAuthority } from '../../test/fakes/certificates.ts';
import { eventually, listen } from '../../test/fakes/connections.ts';
import { EchoStream, RecordedStream } from '../../test/fakes/http2-connections.ts';
import { SocketTransport } from '../socket-transport.ts';
import { createHttp2Connection } from './connection.ts';
import { headerField, literalField } from './header-field.ts';
import type { Http2Connection } from './types.ts';

const PEER = { address: '127.0.0.1', port: 1, identity: undefined, workload: undefined };
const OK = headerField(':status', '200');
const TRAILER = headerField('x-done', 'yes');
const SOCKET = { allowHalfOpen: true, pauseOnConnect: true, noDelay: true };

function serve(socket: Socket): void {
  createHttp2Connection(
    new SocketTransport(socket, PEER),
    'server',
    { clock: systemClock },
    {
      onStream: (stream, _fields, end) => new EchoStream(stream, [OK], [TRAILER], end),
      onClose: () => {},
    },
  );
}

async function start(tls: boolean): Promise<Http2Connection> {
  const { key, certificate: cert } = new TestAuthority().issueServer('localhost');
  const server = tls
    ? createTlsServer({ ...SOCKET, key, cert }, serve)
    : createServer(SOCKET, serve);
  const port = await listen(server);
  const address = { port, host: '127.0.0.1', allowHalfOpen: true };
  const socket = tls
    ? connectTls({ ...address, rejectUnauthorized: false })
    : connectPlain(address);
  const settled = Promise.withResolvers<void>();
  const connection = createHttp2Connection(
    new SocketTransport(socket, PEER),
    'client',
    { clock: systemClock },
    { onSettled: () => settled.resolve(), onClose: () => {} },
  );
  after(() => {
    connection.destroy();
    server.close();
  });
  await settled.promise;
  return connection;
}

/** Sends as fast as it may, and keeps what comes back. */
class Upload extends RecordedStream {
  readonly #bytes: Buffer;
  readonly #pieceBytes: number;
  #sent = 0;

  constructor(connection: Http2Connection, number: number, bytes: Buffer, pieceBytes: number) {
    super();
    this.#bytes = bytes;
    this.#pieceBytes = pieceBytes;
    const fields = [
      headerField(':method', 'POST'),
      headerField(':scheme', 'http'),
      headerField(':authority', 'svc.test'),
      literalField(':path', `/${number}`),
    ];
    this.stream = connection.open(fields, false, this);
    this.onWritable();
  }

  override onWritable(): void {
    let more = true;
    while (more && this.#sent < this.#bytes.length) {
      const end = Math.min(this.#sent + this.#pieceBytes, this.#bytes.length);
      const piece = this.#bytes.subarray(this.#sent, end);
      this.#sent = end;
      more = this.stream?.sendData(piece, end === this.#bytes.length) ?? false;
    }
  }
}

for (const tls of [false, true]) {
  describe(`bytes pass unchanged ${tls ? 'over TLS' : 'in plain text'}`, () => {
    test('on many streams, in pieces of many sizes', async () => {
      const connection = await start(tls);
      const bodies = Array.from({ length: 80 }, (_, i) => randomBytes(1 + i * 7_001));
      const uploads = bodies.map((body, i) => new Upload(connection, i, body, 1 + i * 1_217));
      for (const [i, upload] of uploads.entries()) {
        assert.deepEqual(await upload.ended, { kind: 'complete' }, `stream ${i}`);
        assert.ok(upload.body.equals(bodies[i] as Buffer), `stream ${i}`);
        assert.equal(upload.heads.length, 2);
      }
    });

    test('while other streams are not read at all', async () => {
      const connection = await start(tls);
      const body = randomBytes(3_000_000);
      const stalled = Array.from({ length: 8 }, (_, i) => {
        const upload = new Upload(connection, i, body, 50_000);
        upload.consumes = false;
        return upload;
      });
      for (let i = 0; i < 5; i++) {
        const upload = new Upload(connection, 100 + i, body, 30_000);
        await upload.ended;
        assert.ok(upload.body.equals(body));
      }
      for (const { end, body: held } of stalled) {
        assert.equal(end, undefined);
        assert.ok(held.length <= 192 * 1024, `${held.length} bytes beyond the window`);
      }
      for (const upload of stalled) {
        upload.consumes = true;
        upload.stream?.consumed(upload.body.length);
      }
      await eventually(() => stalled.every(({ end }) => end !== undefined), 'the rest');
      for (const upload of stalled) assert.ok(upload.body.equals(body));
    });
  });
}
