import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { SidecarProcess } from '../fakes/sidecar-process.ts';
import { StaticExample } from '../fakes/static-example.ts';
import { until } from '../fakes/until.ts';

suite('the example of a static configuration', () => {
  let example: StaticExample;

  before(async () => {
    example = await StaticExample.start();
  });

  after(async () => {
    await example[Symbol.asyncDispose]();
  });

  test('carries a request from a client through two sidecars with mutual TLS', async () => {
    assert.deepEqual(await example.ask(17100, '/one'), { status: 200, text: 'hello from /one\n' });
    const metrics = await until(async () => {
      const { body } = await example.client.health('/metrics');
      return body.includes('http_client_request_duration_seconds_count') && body;
    }, 'the client’s metrics');
    const line = /^http_client_request_duration_seconds_count\{.*$/m.exec(metrics)?.[0] ?? '';
    for (const label of [
      'source_workload="client"',
      'destination_workload="greeter"',
      'service="demo/greeter"',
      'route="greetings"',
      'mutual_tls="true"',
      'http_response_status_code="200"',
    ]) {
      assert.ok(line.includes(label), `${label} in ${line}`);
    }
    const inbound = await until(async () => {
      const { body } = await example.server.health('/metrics');
      return /^http_server_request_duration_seconds_count\{.*$/m.exec(body)?.[0];
    }, 'the server’s metrics');
    assert.match(inbound, /source_workload="client",source_namespace="demo"/);
    assert.match(inbound, /mutual_tls="true"/);
  });

  test('carries plain text from outside of the mesh to the application', async () => {
    assert.deepEqual(await example.ask(17006, '/two'), { status: 200, text: 'hello from /two\n' });
  });

  test('shows its configuration, and not its key', async () => {
    const { body } = await example.client.admin('/config_dump');
    const dump = JSON.parse(body) as {
      identity: { spiffeId: string };
      config: { version: string };
    };
    assert.equal(dump.identity.spiffeId, 'spiffe://example.local/ns/demo/sa/client');
    assert.equal(dump.config.version, 'static');
    assert.doesNotMatch(body, /PRIVATE KEY/);
  });

  test('explains what would become of a request, and what is wrong with a question', async () => {
    const ask = (question: string) =>
      example.client.admin(`/config_dump?explain=${encodeURIComponent(question)}`);
    const { status, body } = await ask('GET http://greeter.demo/one');
    assert.equal(status, 200);
    const answer = JSON.parse(body) as {
      outcome: string;
      destination: { service: string };
      rules: { verdict: string }[];
      backends: { endpoints: { mutualTls: boolean; state: string }[] }[];
    };
    assert.match(answer.outcome, /^goes to one of 1 usable endpoints .*: rule greetings took it$/);
    assert.equal(answer.destination.service, 'demo/greeter');
    assert.deepEqual(
      answer.rules.map(({ verdict }) => verdict),
      ['taken'],
    );
    const [endpoint] = answer.backends[0]?.endpoints ?? [];
    assert.deepEqual([endpoint?.mutualTls, endpoint?.state], [true, 'usable']);
    const refused = await ask('greeter');
    assert.equal(refused.status, 400);
    assert.match(refused.body, /^"greeter" is no method and URL: write a request as "GET http/);
  });

  test('takes a change at once, and stays on what it had when a change is bad', async () => {
    const text = readFileSync(example.clientFile, 'utf8');
    writeFileSync(example.clientFile, text.replace('prefix: /', 'prefix: /only'));
    await until(async () => (await example.ask(17100, '/one')).status === 404, 'the new rule');
    assert.equal((await example.ask(17100, '/only/this')).status, 200);

    writeFileSync(example.clientFile, text.replace('prefix: /', 'prefx: /only'));
    const line = await example.client.logged(
      'static configuration refused, the one before stays in force',
    );
    assert.match(
      String(line.reason),
      /client\.yaml: resources\[2\]\.routes\.ports\[0\]\.rules\[0\]\.matches\[0\]\.prefx: there is no such field/,
    );
    assert.equal((await example.ask(17100, '/only/this')).status, 200);
    assert.equal((await example.ask(17100, '/one')).status, 404);
    assert.match(
      (await example.client.health('/metrics')).body,
      /^remora_config_refused_total 1$/m,
    );

    writeFileSync(example.clientFile, text);
    await until(async () => (await example.ask(17100, '/one')).status === 200, 'the old rule');
  });

  test('stops when it is told to', async () => {
    example.client.kill('SIGTERM');
    assert.equal(await example.client.exited(), 0);
  });
});

suite('a sidecar with a bad start', () => {
  const cases: { name: string; environment: Record<string, string>; reason: RegExp }[] = [
    {
      name: 'names the file that is not there',
      environment: { REMORA_STATIC_CONFIG: '/nowhere/sidecar.yaml' },
      reason: /\/nowhere\/sidecar\.yaml: ENOENT/,
    },
    {
      name: 'names every variable that is missing or wrong',
      environment: {
        REMORA_CONTROL_PLANE: 'here',
        REMORA_DRAIN_SECONDS: 'long',
        REMORA_THREADS: '0',
      },
      reason:
        /REMORA_CONTROL_PLANE must be host:port.*REMORA_TRUST_BUNDLE is not set.*REMORA_THREADS must be.*REMORA_DRAIN_SECONDS must be/,
    },
  ];
  for (const { name, environment, reason } of cases) {
    test(name, async () => {
      await using sidecar = new SidecarProcess({ admin: 0, health: 0 }, environment);
      assert.equal(await sidecar.exited(), 1);
      const line = await sidecar.logged('start failed');
      assert.match(String(line.error), reason);
    });
  }
});
