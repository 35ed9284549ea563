import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { KeptAccessLog } from '../../test/fakes/access-log.ts';
import { HttpHop, type HttpHopOptions, RawOrigin, roundTrip } from '../../test/fakes/http-hop.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const OTHER = '0af7651916cd43dd8448eb211c80319c';
const PARENT = '00f067aa0ba902b7';
const VALID = `traceparent: 00-${TRACE}-${PARENT}-01`;
const STATE = 'tracestate: rojo=1,congo=t61rcWkgMzE';

interface Passed {
  /** Lines of the request's head that have to do with traces, as the application gets them. */
  readonly lines: string[];
  readonly traceId: unknown;
}

/** Sends a request with these lines through a hop. */
async function pass(lines: string[], options: Partial<HttpHopOptions> = {}): Promise<Passed> {
  const app = await new RawOrigin((socket, received) => {
    if (received.endsWith('\r\n\r\n')) socket.end('HTTP/1.1 204 No Content\r\n\r\n');
  }).start();
  const hop = await new HttpHop({ endpoints: [app.port], ...options }).start();
  after(() => {
    hop.close();
    app.close();
  });
  const fields = lines.map((line) => `${line}\r\n`).join('');
  const get = `GET / HTTP/1.1\r\nHost: cart\r\n${fields}Connection: close\r\n\r\n`;
  assert.match(await roundTrip(hop.port, get), /^HTTP\/1.1 204 /);
  const { accessLog } = options;
  const line = accessLog instanceof KeptAccessLog ? await accessLog.line() : {};
  const received = (app.received[0] ?? '').split('\r\n');
  const isOfTrace = (text: string) => /^(trace|x-remora-|b3|x-b3-|x-request-id)/i.test(text);
  return { lines: received.filter(isOfTrace), traceId: line.traceId };
}

describe('a trace context', () => {
  const passed: { name: string; lines: string[] }[] = [
    { name: 'that is valid', lines: [VALID] },
    { name: 'with a state', lines: [VALID, STATE] },
    { name: 'with a state in several lines', lines: [STATE, VALID, 'tracestate: more=1'] },
    { name: 'with a state that is none', lines: [VALID, 'tracestate: ===,,'] },
    { name: 'that is not sampled', lines: [`traceparent: 00-${TRACE}-${PARENT}-00`] },
    { name: 'with flags that nobody knows', lines: [`traceparent: 00-${TRACE}-${PARENT}-ff`] },
    { name: 'under names in capitals', lines: [`TraceParent: 00-${TRACE}-${PARENT}-01`] },
    { name: 'with spaces around', lines: [`traceparent: \t 00-${TRACE}-${PARENT}-01 \t`] },
    { name: 'of a later version', lines: [`traceparent: cc-${TRACE}-${PARENT}-01`] },
    {
      name: 'of a later version with more',
      lines: [`traceparent: 01-${TRACE}-${PARENT}-01-new.x`],
    },
  ];
  for (const { name, lines } of passed) {
    test(`${name} is passed on as it is, and told`, async () => {
      const quiet = await pass(lines);
      assert.deepEqual(quiet.lines, lines);
      for (const direction of ['outbound', 'inbound'] as const) {
        const logged = await pass(lines, { direction, accessLog: new KeptAccessLog() });
        assert.deepEqual([logged.lines, logged.traceId], [lines, TRACE]);
      }
    });
  }

  const dropped: { name: string; value: string }[] = [
    { name: 'is empty', value: '' },
    { name: 'is no context', value: 'hello' },
    { name: 'has a version of three digits', value: `000-${TRACE}-${PARENT}-01` },
    { name: 'has a version of one digit', value: `0-${TRACE}-${PARENT}-01` },
    { name: 'has a version in capitals', value: `CC-${TRACE}-${PARENT}-01` },
    { name: 'has the version that is forbidden', value: `ff-${TRACE}-${PARENT}-01` },
    { name: 'has an id in capitals', value: `00-${TRACE.toUpperCase()}-${PARENT}-01` },
    { name: 'has an id of zeros', value: `00-${'0'.repeat(32)}-${PARENT}-01` },
    { name: 'has an id that is too short', value: `00-${TRACE.slice(1)}-${PARENT}-01` },
    { name: 'has an id that is too long', value: `00-${TRACE}0-${PARENT}-01` },
    { name: 'has a strange byte in the id', value: `00-${TRACE.slice(1)}\xe9-${PARENT}-01` },
    { name: 'has a parent of zeros', value: `00-${TRACE}-${'0'.repeat(16)}-01` },
    { name: 'has a parent in capitals', value: `00-${TRACE}-${PARENT.toUpperCase()}-01` },
    { name: 'has a parent that is too short', value: `00-${TRACE}-${PARENT.slice(1)}-01` },
    { name: 'has no flags', value: `00-${TRACE}-${PARENT}` },
    { name: 'has half of its flags', value: `00-${TRACE}-${PARENT}-0` },
    { name: 'has flags that are none', value: `00-${TRACE}-${PARENT}-0.` },
    { name: 'has more than its version allows', value: `00-${TRACE}-${PARENT}-01-more` },
    { name: 'ends with a dash', value: `00-${TRACE}-${PARENT}-01-` },
    { name: 'has more without a dash', value: `cc-${TRACE}-${PARENT}-01.more` },
    { name: 'has other separators', value: `00_${TRACE}_${PARENT}_01` },
    { name: 'stands in quotes', value: `"00-${TRACE}-${PARENT}-01"` },
    { name: 'is there twice in one', value: `00-${TRACE}-${PARENT}-01, 00-${TRACE}-${PARENT}-01` },
    { name: 'is very long', value: `00-${TRACE}-${PARENT}-01${'-'.repeat(30_000)}` },
  ];
  for (const { name, value } of dropped) {
    test(`whose traceparent ${name} is dropped, state included`, async () => {
      const lines = [`traceparent: ${value}`, STATE, 'TRACESTATE: more=1'];
      assert.deepEqual((await pass(lines)).lines, []);
      const logged = await pass(lines, { direction: 'inbound', accessLog: new KeptAccessLog() });
      assert.deepEqual(logged, { lines: [], traceId: undefined });
    });
  }

  test('with two traceparents is dropped, even when both are the same', async () => {
    for (const second of [VALID, VALID.replace(TRACE, OTHER)]) {
      assert.deepEqual((await pass([VALID, second, STATE])).lines, []);
    }
  });

  test('that has a state and nothing else is dropped', async () => {
    assert.deepEqual((await pass([STATE])).lines, []);
  });

  test('of another kind is left alone', async () => {
    const lines = [
      `b3: ${TRACE}-${PARENT}-1`,
      `X-B3-TraceId: ${TRACE}`,
      'x-request-id: 5',
      'trace-parent: x',
    ];
    assert.deepEqual((await pass(lines)).lines, lines);
  });
});

describe('a request without a trace context', () => {
  test('gets none, and no id where nobody logs', async () => {
    assert.deepEqual((await pass([])).lines, []);
    assert.deepEqual((await pass([], { direction: 'inbound' })).lines, []);
  });

  test('gets an id that is told to the sidecar of the peer', async () => {
    const ids = new Set<unknown>();
    for (let i = 0; i < 2; i++) {
      const { lines, traceId } = await pass([], { accessLog: new KeptAccessLog() });
      assert.match(String(traceId), /^[0-9a-f]{32}$/);
      assert.deepEqual(lines, [`x-remora-trace-id: ${traceId}`]);
      ids.add(traceId);
    }
    assert.equal(ids.size, 2);
  });

  const told = [`x-remora-trace-id: ${TRACE}`];

  test('has the id that a proven peer told, of which the application hears nothing', async () => {
    const accessLog = new KeptAccessLog();
    const identity = 'spiffe://cluster.local/ns/shop/sa/web';
    const { lines, traceId } = await pass(told, { direction: 'inbound', accessLog, identity });
    assert.deepEqual([lines, traceId], [[], TRACE]);
  });

  test('cannot be given one by anybody else, nor one that is none', async () => {
    const stranger = await pass(told, { direction: 'inbound', accessLog: new KeptAccessLog() });
    assert.deepEqual(stranger, { lines: [], traceId: undefined });
    const own = await pass(told, { accessLog: new KeptAccessLog() });
    assert.notEqual(own.traceId, TRACE);
    const identity = 'spiffe://cluster.local/ns/shop/sa/web';
    const broken = await pass(['x-remora-trace-id: a b'], {
      direction: 'inbound',
      accessLog: new KeptAccessLog(),
      identity,
    });
    assert.deepEqual(broken, { lines: [], traceId: undefined });
  });
});
