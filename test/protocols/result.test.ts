import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Carriage, Carried } from './carriage.ts';
import { judgeCarriage, resultOf } from './result.ts';
import type { Suite } from './suite.ts';
import { formatTable } from './table.ts';

const suite: Suite = {
  name: 'web',
  title: 'Web',
  needs: [],
  manifest: 'web.yaml',
  services: { http: ['HTTP'], mail: ['HTTP', 'TCP'] },
  quick: true,
  async run() {},
};

function carried(service: string, carriage: Carriage, mutualTls = true): Carried {
  const direction = 'outbound';
  return { service: `protocols/${service}`, direction, carriage, mutualTls, connections: 2 };
}

const inbound: Carried = { ...carried('', 'TCP'), direction: 'inbound' };

for (const { title, client, servers = [inbound], mistakes } of [
  {
    title: 'all as it should be',
    client: [carried('http', 'HTTP'), carried('mail', 'TCP')],
    mistakes: [],
  },
  {
    title: 'one way or the other',
    client: [carried('http', 'HTTP'), carried('mail', 'HTTP')],
    mistakes: [],
  },
  {
    title: 'something that nobody carried',
    client: [carried('http', 'HTTP')],
    mistakes: ['mail: the sidecar has carried nothing'],
  },
  {
    title: 'plain text, and HTTP as bytes',
    client: [carried('http', 'TCP', false), carried('mail', 'TCP')],
    mistakes: ['http: carried as TCP', 'http: in plain text'],
  },
  {
    title: 'plain text at the other end',
    client: [carried('http', 'HTTP'), carried('mail', 'TCP')],
    servers: [inbound, { ...inbound, mutualTls: false }],
    mistakes: ['2 connections came to the servers in plain text'],
  },
]) {
  test(`judging how it was carried: ${title}`, () => {
    assert.deepEqual(judgeCarriage(suite, client, servers), mistakes);
  });
}

test('the table has a row a suite', () => {
  const checks = [
    { name: 'one', error: undefined },
    { name: 'two', error: 'wrong' },
  ];
  const client = [carried('http', 'HTTP'), carried('mail', 'TCP', false)];
  assert.equal(
    formatTable([
      resultOf(suite, checks, client),
      resultOf({ ...suite, title: 'Other' }, [], [], 'there is no curl here'),
    ]),
    [
      'protocol  checks  passed     mTLS    carried as',
      'Web       2       1, FAILED  2 of 4  HTTP, TCP',
      'Other     -       -          -       there is no curl here',
    ].join('\n'),
  );
});
