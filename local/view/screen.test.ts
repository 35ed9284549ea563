import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { EdgeRates } from '../../control-plane/telemetry/aggregate.ts';
import { renderScreen } from './screen.ts';
import type { LocalStatus } from './status.ts';
import { TerminalView } from './terminal.ts';

function edge(
  destination: string,
  requestsPerSecond: number,
  more: Partial<EdgeRates> = {},
): EdgeRates {
  return {
    source: { namespace: 'shop', workload: 'orders' },
    destination: { namespace: 'shop', workload: destination },
    service: 'shop/stock',
    route: 'HTTPRoute/shop/stock/0',
    mutualTls: true,
    protocol: 'http',
    reportedBy: 'source',
    requestsPerSecond,
    successRate: 1,
    p50Ms: 4.21,
    p99Ms: 51.9,
    retriesPerSecond: 0,
    connectionsPerSecond: 0,
    bytesSentPerSecond: 0,
    bytesReceivedPerSecond: 0,
    ...more,
  };
}

const STATUS: LocalStatus = {
  mode: 'network namespaces',
  folder: '/home/me/remora/examples/quickstart',
  uptimeMs: 61_000,
  controlPlane: { running: true, reason: 'running' },
  pods: [],
  jobs: [],
  edges: [],
  problems: [],
  logs: '/home/me/remora/.remora/logs',
  tip: { route: 'HTTPRoute shop/stock', path: '/home/me/remora/examples/route.yaml' },
};

const draw = (changes: Partial<LocalStatus>): string =>
  renderScreen({ ...STATUS, ...changes }, '/home/me/remora')
    .map(({ text }) => text)
    .join('\n');

suite('the live view', () => {
  test('shows who calls whom, and how well', () => {
    const text = draw({
      edges: [
        edge('stock-v1', 8, { retriesPerSecond: 0.4, successRate: 0.9996 }),
        edge('stock-v2', 2),
        edge('', 1, { successRate: 0, mutualTls: false, p50Ms: null, p99Ms: null, route: '' }),
        edge('orders', 3, {
          source: { namespace: 'unknown', workload: 'unknown' },
          service: '',
          route: '',
          mutualTls: false,
        }),
      ],
    });
    assert.deepEqual(text.split('\n').slice(3, 12), [
      'Traffic of the last 10 seconds',
      'FROM              TO             SERVICE     MTLS  REQ/S  SUCCESS     P50    P99  RETRIES/S',
      'outside the mesh  shop/orders                no      3.0  100.0 %  4.2 ms  52 ms          -',
      'shop/orders       -              shop/stock  no      1.0    0.0 %       -      -          -',
      'shop/orders       shop/stock-v1  shop/stock  yes     8.0   99.9 %  4.2 ms  52 ms        0.4',
      'shop/orders       shop/stock-v2  shop/stock  yes     2.0  100.0 %  4.2 ms  52 ms          -',
      '',
      'Shares by route',
      'HTTPRoute shop/stock  stock-v1  ████████████████░░░░ 80.0 %',
    ]);
  });

  test('says what is wrong, where, and what one could do', () => {
    const text = draw({
      problems: [{ where: '/home/me/remora/examples/route.yaml:7', message: 'no such thing' }],
      controlPlane: { running: false, reason: 'ended with status 1' },
      pods: [
        {
          ...{ namespace: 'shop', name: 'web-1', workload: 'web', phase: 'Pending', address: '' },
          ...{ ready: false, terminating: false, injected: true },
          containers: [
            {
              ...{ name: 'remora-proxy', state: 'waiting', detail: 'ended with status 1', log: '' },
              ...{ pid: undefined, restarts: 3 },
            },
          ],
        },
      ],
    });
    assert.match(text, /^examples\/route\.yaml:7: no such thing$/m);
    assert.match(text, /^control plane: ended with status 1\. The mesh goes on/m);
    assert.match(text, /^shop\/web-1: Pending, remora-proxy: ended with status 1$/m);
    assert.match(
      text,
      /^network namespaces · 0 of 1 pods ready · .* · control plane away · 1 min 1 s$/m,
    );
    assert.match(text, /change the weights of HTTPRoute shop\/stock in examples\/route\.yaml/);
    assert.match(text, /Logs: \.remora\/logs {3}Stop: Ctrl-C/);
  });

  test('fits the terminal, and gives it back as it was', () => {
    let written = '';
    const view = new TerminalView(
      (text) => {
        written += text;
      },
      '/',
      () => ({ columns: 20, rows: 5 }),
    );
    view.show({ ...STATUS, edges: [edge('stock-v1', 1)] });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is tested
    const lines = written.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '').split('\r\n');
    assert.equal(lines.length, 5);
    assert.ok(lines.every((line) => line.length <= 20));
    written = '';
    view.close();
    assert.equal(written, '\u001b[?25h\u001b[?1049l');
  });
});
