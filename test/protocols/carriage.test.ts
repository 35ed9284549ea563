import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCarried } from './carriage.ts';

function opened(labels: string, value: number): string {
  return `remora_connections_opened_total{service="shop/web",${labels}} ${value}\n`;
}

test('connections are read from a scrape', () => {
  const text = `# HELP remora_connections_opened_total Connections opened
${opened('mutual_tls="true",direction="outbound",protocol="http"', 3)}${opened(
  'mutual_tls="false",direction="outbound",protocol="tcp"',
  1,
)}${opened('mutual_tls="true",direction="inbound",protocol="http"', 2)}${opened(
  'mutual_tls="true",direction="inbound",protocol="tcp"',
  0,
)}process_resident_memory_bytes 1000
`;
  const service = 'shop/web';
  assert.deepEqual(readCarried(text), [
    { service, direction: 'outbound', carriage: 'HTTP', mutualTls: true, connections: 3 },
    { service, direction: 'outbound', carriage: 'TCP', mutualTls: false, connections: 1 },
    { service, direction: 'inbound', carriage: 'HTTP', mutualTls: true, connections: 2 },
  ]);
});

test('a protocol that nobody knows is a mistake', () => {
  assert.throws(
    () => readCarried(opened('mutual_tls="true",direction="outbound",protocol="smoke"', 1)),
    /carried as what\?.*smoke/,
  );
});
