import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { realHello } from '../../test/fakes/client-hello.ts';
import { eventually } from '../../test/fakes/connections.ts';
import { DetectingPort } from '../../test/fakes/detecting-port.ts';
import type { Protocol } from '../config/types.ts';

const SILENCE_MS = 50;

async function openPort(
  protocol: Protocol,
  onSocket?: (socket: Socket) => void,
): Promise<DetectingPort> {
  const port = await new DetectingPort(protocol, onSocket).start();
  after(() => port.close());
  return port;
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Of a program that speaks first. */
const greets = (socket: Socket): void => {
  socket.write('220 ready\n');
};

describe('a client that says a beginning and waits', () => {
  for (const { said, protocol = 'detect' as const, rest } of [
    { said: 'G', rest: 'O\n' },
    { said: 'x', protocol: 'tls' as const, rest: 'y' },
    { said: 'PRI * HTTP/2.0\r\n\r\n', rest: 'no preface' },
    { said: 'P', rest: 'ING' },
    { said: '\x16', rest: 'no hello' },
    { said: '\x16\x03\x01', rest: 'no hello' },
    { said: 'CONNECT', rest: '\n' },
    { said: 'GET ht', rest: 'ml' },
  ]) {
    test(`${JSON.stringify(said)} on a ${protocol} port is heard by the server`, async () => {
      const port = await openPort(protocol);
      const client = await port.client();
      client.send(said);
      await port.hasRead(said.length);
      if (detectedAtOnce(said, protocol)) {
        await eventually(() => port.received[0]?.equals(latin1(said)) === true, 'the beginning');
      } else {
        port.clock.advance(SILENCE_MS - 1);
        assert.equal(port.received.length, 0);
        port.clock.advance(1);
      }
      await eventually(() => port.received[0]?.equals(latin1(said)) === true, 'the beginning');
      client.send(rest);
      await eventually(() => port.received[0]?.equals(latin1(said + rest)) === true, 'the rest');
    });
  }

  test('of a request is answered as HTTP', async () => {
    for (const said of ['GET /', 'GET /a HTTP/1.1', 'OPTIONS * HT', 'CONNECT a']) {
      const port = await openPort('detect');
      const client = await port.client();
      client.send(said);
      await port.hasRead(said.length);
      port.clock.advance(SILENCE_MS);
      client.send('\r\n\r\n');
      assert.match(await client.toEnd(), /^HTTP\/1.1 4/, said);
      assert.equal(port.received.length, 0);
    }
  });
});

test('a client that says half a preface on an http1 port is answered after 10 s', async () => {
  const port = await openPort('http1');
  const client = await port.client();
  client.send('PRI * HTTP/2.0\r\n\r\n');
  await port.hasRead(18);
  port.clock.advance(9_000);
  client.send('SM');
  await port.hasRead(20);
  assert.equal(client.received, '');
  // Each piece does not begin the time anew.
  port.clock.advance(1_000);
  assert.match(await client.toEnd(), /^HTTP\/1.1 [45]\d\d /);
  assert.equal(port.received.length, 0);
});

function detectedAtOnce(said: string, protocol: Protocol): boolean {
  return protocol === 'tls' && said === 'x';
}

describe('what comes in pieces', () => {
  for (const { whole, becomes } of [
    { whole: 'GET /key\r\n', becomes: 'tcp' },
    { whole: '*1\r\n$4\r\nPING\r\n', becomes: 'tcp' },
    { whole: 'SSH-2.0-OpenSSH_9\r\n', becomes: 'tcp' },
    { whole: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', becomes: 'http2' },
    { whole: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', becomes: 'http' },
    { whole: 'PROPFIND http://a/ HTTP/1.1\r\nHost: a\r\n\r\n', becomes: 'http' },
  ] as const) {
    test(`becomes ${becomes} at every split of ${JSON.stringify(whole)}, without waiting`, async () => {
      const port = await openPort('detect');
      for (let at = 1; at < whole.length; at++) {
        const client = await port.client();
        client.send(whole.slice(0, at));
        await port.hasRead(at);
        client.send(whole.slice(at));
        if (becomes === 'http') {
          assert.match(await client.until('it is HTTP'), /^HTTP\/1.1 404 /);
        } else if (becomes === 'http2') {
          await eventually(() => client.received.length >= 9, 'SETTINGS');
          assert.equal(client.received.charCodeAt(3), 4);
          assert.equal(port.received.length, 0);
        } else {
          const isThere = () => port.received[at - 1]?.equals(latin1(whole)) === true;
          await eventually(isThere, `all of it at ${at}`);
        }
        client.close();
      }
    });
  }
});

describe('a client of TLS', () => {
  test('has its hello read, byte by byte, and its server gets every byte', async () => {
    const hello = await realHello({ servername: 'db.example', ALPNProtocols: ['h2'] });
    for (const protocol of ['detect', 'tls'] as const) {
      const port = await openPort(protocol);
      const client = await port.client();
      for (let i = 0; i < hello.length; i++) {
        assert.equal(port.received.length, 0);
        client.send(hello.subarray(i, i + 1));
        await port.hasRead(i + 1);
      }
      await eventually(() => port.received[0]?.equals(hello) === true, 'the hello');
      client.socket.resetAndDestroy();
      const { serverName, alpn, originalDestination, bytesIn, ...line } =
        await port.accessLog.line();
      assert.deepEqual([serverName, alpn], ['db.example', 'h2']);
      assert.deepEqual([originalDestination, bytesIn], ['10.0.0.1:80', hello.length]);
      assert.equal(line.protocol, 'tls');
      const debug = port.debugLines.map((text) => JSON.parse(text));
      const said = debug.find(({ msg }) => msg === 'protocol found');
      assert.deepEqual(
        [said?.protocol, said?.serverName, said?.protocols],
        ['tls', 'db.example', ['h2']],
      );
    }
  });

  test('that stops in the middle of its hello waits no longer than any other', async () => {
    const hello = await realHello({ servername: 'db.example' });
    const port = await openPort('detect');
    const client = await port.client();
    const said = (length: number): boolean =>
      port.received[0]?.equals(hello.subarray(0, length)) === true;
    client.send(hello.subarray(0, 20));
    await port.hasRead(20);
    port.clock.advance(SILENCE_MS - 1);
    // A further piece buys no further time.
    client.send(hello.subarray(20, 21));
    await port.hasRead(21);
    assert.equal(port.received.length, 0);
    port.clock.advance(1);
    await eventually(() => said(21), 'what there is');
    client.send(hello.subarray(21));
    await eventually(() => said(hello.length), 'the rest');
    client.socket.resetAndDestroy();
    const line = await port.accessLog.line();
    assert.deepEqual([line.protocol, line.serverName], ['tcp', undefined]);
  });

  test('that only looks like one passes like everything else', async () => {
    const port = await openPort('detect');
    for (const said of ['\x16\x03\x01\0\0', '\x16\x03\x03\0\x05\x02\0\0\0\0', '\x16\x03']) {
      const client = await port.client();
      const index = port.received.length;
      client.send(said);
      client.socket.end();
      await eventually(() => port.received[index]?.equals(latin1(said)) === true, 'the bytes');
    }
  });

  test('may speak HTTP on a port that was declared TLS, and is not answered by us', async () => {
    const port = await openPort('tls');
    const client = await port.client();
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => port.received[0]?.toString().endsWith('\r\n\r\n') === true);
    assert.equal(client.received, '');
  });
});

describe('a server that speaks first', () => {
  for (const protocol of ['detect', 'tls'] as const) {
    test(`is heard after ${SILENCE_MS} ms on a ${protocol} port, and at once from then on`, async () => {
      const port = await openPort(protocol, greets);
      const first = await port.client();
      port.clock.advance(SILENCE_MS);
      await first.until('220 ready\n');
      first.send('QUIT\n');
      await eventually(() => port.received[0]?.toString() === 'QUIT\n');
      for (let i = 1; i < 4; i++) {
        const next = await port.client();
        await next.until('220 ready\n');
      }
    });
  }

  test('does not keep a client that speaks first from being heard first', async () => {
    const port = await openPort('detect', greets);
    const first = await port.client();
    port.clock.advance(SILENCE_MS);
    await first.until('220 ready\n');
    const quick = await port.client();
    quick.send('EHLO\n');
    await quick.until('220 ready\n');
    await eventually(() => port.received[1]?.toString() === 'EHLO\n');
  });

  test('and a client that has said a beginning hear each other', async () => {
    let greet = (): void => {};
    const port = await openPort('detect', (socket) => {
      greet = () => greets(socket);
    });
    const client = await port.client();
    port.clock.advance(SILENCE_MS);
    await eventually(() => port.received.length === 1, 'the connection');
    client.send('GE');
    await port.hasRead(2);
    greet();
    await client.until('220 ready\n');
    await eventually(() => port.received[0]?.toString() === 'GE');
  });

  test('is not needed: a late request is one', async () => {
    const port = await openPort('detect');
    const client = await port.client();
    port.clock.advance(SILENCE_MS);
    await eventually(() => port.received.length === 1, 'the connection');
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.match(await client.until('it is HTTP'), /^HTTP\/1.1 404 /);
    assert.equal(port.received[0]?.length, 0);
  });
});

describe('a client that has said all', () => {
  const echoesAtEnd = (socket: Socket): void => {
    let asked = '';
    socket.on('data', (bytes) => {
      asked += bytes.toString('latin1');
    });
    socket.on('end', () => socket.end(`you said ${asked}`, 'latin1'));
  };

  for (const protocol of ['detect', 'tls', 'tcp'] as const) {
    for (const said of [
      '',
      'G',
      'GET /',
      'PRI * HTTP/2.0',
      '\x16',
      '\x16\x03\x01\0\xff',
      'hello',
    ]) {
      test(`${JSON.stringify(said)} on a ${protocol} port gets its answer at once`, async () => {
        const port = await openPort(protocol, echoesAtEnd);
        const client = await port.client();
        client.socket.end(latin1(said));
        assert.equal(await client.toEnd(), `you said ${said}`);
        const line = await port.accessLog.line();
        assert.deepEqual(
          [line.outcome, line.bytesIn, line.bytesOut],
          ['completed', said.length, said.length + 9],
        );
      });
    }
  }
});

describe('the line of a connection', () => {
  test('tells of a client that came and went', async () => {
    const port = await openPort('detect');
    const client = await port.client();
    client.send('G');
    await port.hasRead(1);
    client.socket.resetAndDestroy();
    const { outcome, errorCode, bytesIn } = await port.accessLog.line();
    assert.deepEqual([outcome, errorCode, bytesIn], ['abandoned', undefined, 1]);
  });

  for (const { who, outcome, errorCode } of [
    { who: 'server', outcome: 'cut', errorCode: 'upstream-reset' },
    { who: 'client', outcome: 'cut', errorCode: 'downstream-reset' },
  ]) {
    test(`tells that the ${who} cut it`, async () => {
      const sockets: Socket[] = [];
      const port = await openPort('tcp', (socket) => sockets.push(socket));
      const client = await port.client();
      client.send('hello');
      await eventually(() => port.received[0]?.toString() === 'hello');
      port.clock.advance(1_000);
      if (who === 'server') sockets[0]?.resetAndDestroy();
      else client.socket.resetAndDestroy();
      const line = await port.accessLog.line();
      assert.deepEqual([line.outcome, line.errorCode], [outcome, errorCode]);
      assert.deepEqual([line.bytesIn, line.bytesOut, line.durationMs], [5, 0, 1_000]);
    });
  }

  test('tells that a silent client lost its server', async () => {
    const sockets: Socket[] = [];
    const port = await openPort('detect', (socket) => sockets.push(socket));
    const client = await port.client();
    port.clock.advance(SILENCE_MS);
    await eventually(() => sockets.length === 1 && port.dialed === 1, 'the connection');
    sockets[0]?.resetAndDestroy();
    await eventually(() => client.closed, 'the end');
    const line = await port.accessLog.line();
    assert.equal(line.errorCode, 'upstream-reset');
  });

  test('is not there for what was HTTP, and once for everything else', async () => {
    const port = await openPort('detect');
    const http = await port.client();
    http.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    await http.toEnd();
    const other = await port.client();
    other.send('hello\n');
    await eventually(() => port.received[0]?.toString() === 'hello\n');
    other.socket.resetAndDestroy();
    await port.accessLog.line();
    assert.deepEqual(
      port.accessLog.lines.map(({ bytesIn }) => bytesIn),
      [6],
    );
  });
});

test('whatever a client says reaches its server as it is, unless it is answered as HTTP', async () => {
  const port = await openPort('detect');
  const anything = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 200 }),
    fc
      .tuple(
        fc.constantFrom('GET /', 'PRI * HTTP/2.0\r\n\r\n', '\x16\x03\x01\x02', 'POST http://'),
        fc.uint8Array({ maxLength: 200 }),
      )
      .map(([beginning, rest]) => Buffer.concat([latin1(beginning), rest])),
  );
  await fc.assert(
    fc.asyncProperty(anything, fc.nat(200), async (content, cut) => {
      const all = Buffer.from(content);
      const at = Math.min(cut, all.length);
      const client = await port.client();
      const index = port.received.length;
      client.send(all.subarray(0, at));
      await port.hasRead(at);
      client.send(all.subarray(at));
      client.socket.end();
      await eventually(
        () => client.received.startsWith('HTTP/1.1 ') || port.received[index]?.equals(all) === true,
        `an answer to ${JSON.stringify(all.toString('latin1'))}`,
      );
      client.close();
    }),
    { numRuns: 200 },
  );
});
