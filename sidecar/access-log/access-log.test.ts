import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '../../runtime/clock.ts';
import { parseTextLine } from '../../test/fakes/access-log.ts';
import { AccessLog } from './access-log.ts';
import type { ConnectionEntry, RequestEntry } from './entry.ts';

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const CART = 'spiffe://cluster.local/ns/shop/sa/cart';

const request: RequestEntry = {
  direction: 'outbound',
  protocol: 'http1',
  outcome: 'completed',
  errorCode: '',
  error: '',
  bytesIn: 120,
  bytesOut: 4096,
  durationMs: 12.3456,
  service: 'shop/cart',
  source: { namespace: 'shop', workload: 'web' },
  destination: { namespace: 'shop', workload: 'cart' },
  client: { address: '10.1.0.7', port: 40000, identity: undefined, workload: undefined },
  upstream: '10.1.0.9:8080',
  mutualTls: true,
  peerIdentity: CART,
  method: 'GET',
  authority: 'cart.shop',
  path: '/items',
  query: 'token=secret',
  status: 200,
  grpcStatus: undefined,
  responseHeadMs: 11,
  attempts: 2,
  route: 'HTTPRoute/shop/cart/0',
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  userAgent: 'curl/8.0 (linux)',
  requestId: 'abc',
};

const connection: ConnectionEntry = {
  direction: 'inbound',
  protocol: 'tls',
  outcome: 'cut',
  errorCode: 'upstream-reset',
  error: 'the server cut the connection',
  bytesIn: 5,
  bytesOut: 0,
  durationMs: 1,
  service: '',
  source: { namespace: 'unknown', workload: 'unknown' },
  destination: { namespace: 'shop', workload: 'cart' },
  client: { address: '2001:db8::1', port: 40000, identity: undefined, workload: undefined },
  upstream: '',
  mutualTls: false,
  peerIdentity: '',
  originalDestination: '10.1.0.9:5432',
  serverName: 'db.example',
  alpn: ['h2', 'http/1.1'],
};

function lineOf(
  format: 'text' | 'json',
  write: (log: AccessLog) => void,
  includesQuery = false,
): string {
  const lines: string[] = [];
  const log = new AccessLog({
    settings: { format, includesQuery },
    identity: () => WEB,
    clock: new ManualClock(Date.UTC(2026, 9, 2, 10, 20, 30, 400)),
    output: { write: (line) => lines.push(line) },
  });
  write(log);
  assert.equal(lines.length, 1);
  return lines[0] as string;
}

const parsers = {
  json: (line: string): Record<string, unknown> => JSON.parse(line),
  text: parseTextLine,
};

describe('the line of a request', () => {
  test('tells all there is, as JSON', () => {
    assert.deepEqual(parsers.json(lineOf('json', (log) => log.request(request))), {
      log: 'access',
      time: '2026-10-02T10:20:30.388Z',
      direction: 'outbound',
      protocol: 'http1',
      method: 'GET',
      authority: 'cart.shop',
      path: '/items',
      status: 200,
      outcome: 'completed',
      bytesIn: 120,
      bytesOut: 4096,
      durationMs: 12.346,
      responseHeadMs: 11,
      attempts: 2,
      route: 'HTTPRoute/shop/cart/0',
      service: 'shop/cart',
      client: '10.1.0.7:40000',
      upstream: '10.1.0.9:8080',
      source: 'shop/web',
      destination: 'shop/cart',
      mutualTls: true,
      sourceIdentity: WEB,
      destinationIdentity: CART,
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      requestId: 'abc',
      userAgent: 'curl/8.0 (linux)',
    });
  });

  test('tells the same as text', () => {
    const line = lineOf('text', (log) => log.request(request));
    assert.match(
      line,
      /^log=access time=2026-10-02T10:20:30\.388Z direction=outbound .* status=200 /,
    );
    assert.match(line, / userAgent="curl\/8\.0 \(linux\)"$/);
    const fromJson = parsers.json(lineOf('json', (log) => log.request(request)));
    const asTexts = Object.entries(fromJson).map(([name, value]) => [name, String(value)]);
    assert.deepEqual(Object.entries(parsers.text(line)), asTexts);
  });

  test('of the inbound side has the identities the other way round', () => {
    const entry = { ...request, direction: 'inbound', peerIdentity: CART } as const;
    const { sourceIdentity, destinationIdentity } = parsers.json(
      lineOf('json', (log) => log.request(entry)),
    );
    assert.deepEqual([sourceIdentity, destinationIdentity], [CART, WEB]);
  });

  test('leaves out what is not known, and identities that nobody proved', () => {
    const entry = {
      ...request,
      ...{ status: 0, responseHeadMs: undefined, route: '', service: '', traceId: '' },
      ...{ mutualTls: false, userAgent: '', requestId: '', upstream: '' },
    };
    const names = Object.keys(parsers.json(lineOf('json', (log) => log.request(entry))));
    for (const absent of [
      ...['status', 'responseHeadMs', 'route', 'service', 'traceId', 'userAgent', 'requestId'],
      ...['upstream', 'sourceIdentity', 'destinationIdentity', 'error', 'errorCode'],
    ]) {
      assert.ok(!names.includes(absent), absent);
    }
  });

  test('tells the query to those alone who ask for it', () => {
    const line = lineOf('json', (log) => log.request(request), true);
    assert.equal(parsers.json(line).path, '/items?token=secret');
    const without = lineOf('json', (log) => log.request({ ...request, query: undefined }), true);
    assert.equal(parsers.json(without).path, '/items');
    assert.ok(!lineOf('json', (log) => log.request(request)).includes('secret'));
  });
});

test('the line of a connection tells where it was meant to go and how it ended', () => {
  assert.deepEqual(parsers.json(lineOf('json', (log) => log.connection(connection))), {
    log: 'access',
    time: '2026-10-02T10:20:30.399Z',
    direction: 'inbound',
    protocol: 'tls',
    originalDestination: '10.1.0.9:5432',
    serverName: 'db.example',
    alpn: 'h2,http/1.1',
    outcome: 'cut',
    errorCode: 'upstream-reset',
    error: 'the server cut the connection',
    bytesIn: 5,
    bytesOut: 0,
    durationMs: 1,
    client: '[2001:db8::1]:40000',
    source: 'unknown/unknown',
    destination: 'shop/cart',
    mutualTls: false,
  });
});

test('times are those of the beginning, also across a second and before it', () => {
  const times = [0, 400, 401, 3_600_000].map((durationMs) => {
    const entry = { ...request, durationMs };
    return parsers.json(lineOf('json', (log) => log.request(entry))).time;
  });
  assert.deepEqual(times, [
    '2026-10-02T10:20:30.400Z',
    '2026-10-02T10:20:30.000Z',
    '2026-10-02T10:20:29.999Z',
    '2026-10-02T09:20:30.400Z',
  ]);
});

const hostile: { value: string; text: string; why: string }[] = [
  { value: 'plain', text: 'plain', why: 'nothing to escape' },
  { value: 'a b', text: '"a b"', why: 'a space ends a bare value' },
  { value: 'a=b', text: '"a=b"', why: 'it looks like a field' },
  { value: 'a" status=200 x="', text: '"a\\x22 status=200 x=\\x22"', why: 'an end of its own' },
  { value: 'a\\', text: '"a\\x5c"', why: 'it would escape the quote' },
  { value: '\\x22', text: '"\\x5cx22"', why: 'it looks like an escape' },
  {
    value: 'a\r\nlog=access status=200',
    text: '"a\\x0d\\x0alog=access status=200"',
    why: 'a line',
  },
  { value: 'a\tb\0', text: '"a\\x09b\\x00"', why: 'control bytes' },
  { value: '\x1b[2J', text: '"\\x1b[2J"', why: 'it would clear a terminal' },
  { value: '\x7f', text: '"\\x7f"', why: 'DEL' },
  { value: '\x85\xa0', text: '"\\x85\\xa0"', why: 'C1 and no-break space' },
  { value: 'gr\xc3\xb6\xc3\x9fer', text: '"gr\\xc3\\xb6\\xc3\\x9fer"', why: 'UTF-8, by bytes' },
  {
    value: '\u2028\u{1f600}',
    text: '"\\xe2\\x80\\xa8\\xf0\\x9f\\x98\\x80"',
    why: 'no byte of HTTP',
  },
];

describe('what a stranger says', () => {
  for (const { value, text, why } of hostile) {
    test(`${JSON.stringify(value)} is escaped: ${why}`, () => {
      const entry = { ...request, userAgent: value };
      const line = lineOf('text', (log) => log.request(entry));
      assert.ok(line.endsWith(` userAgent=${text}`), line);
      const json = lineOf('json', (log) => log.request(entry));
      assert.match(json, /^[\x20-\x7e]*$/);
      assert.equal(parsers.json(json).userAgent, value);
    });
  }

  test('never makes a second line or another field, whatever it is', () => {
    const anyText = fc.string({ unit: 'binary', maxLength: 60 });
    fc.assert(
      fc.property(anyText, anyText, anyText, (method, path, userAgent) => {
        const entry = { ...request, method, path, userAgent };
        const json = lineOf('json', (log) => log.request(entry));
        const text = lineOf('text', (log) => log.request(entry));
        assert.match(json + text, /^[\x20-\x7e]*$/);
        const parsed = parsers.json(json);
        assert.equal(parsed.userAgent ?? '', userAgent);
        assert.equal(parsed.method ?? '', method);
        assert.equal(parsed.status, 200);
        assert.deepEqual(Object.keys(parsers.text(text)), Object.keys(parsed));
      }),
    );
  });

  test('is cut when it is long', () => {
    const entry = { ...request, path: `/${'a'.repeat(60_000)}`, userAgent: '"'.repeat(60_000) };
    for (const format of ['json', 'text'] as const) {
      const line = lineOf(format, (log) => log.request(entry));
      assert.ok(line.length < 8_000, `${line.length}`);
      const { path } = parsers[format](line);
      assert.equal(path, `/${'a'.repeat(1023)}...`);
    }
  });
});
