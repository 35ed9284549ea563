import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePorts, SidecarProcess } from '../fakes/sidecar-process.ts';
import { until } from '../fakes/until.ts';

const EXAMPLE = fileURLToPath(new URL('../../examples/static-config/', import.meta.url));

/** The ports in the example's files. */
const EXAMPLE_PORTS = [17001, 17006, 17008, 17080, 17100];

suite('the example of a static configuration', () => {
  const directory = mkdtempSync(join(tmpdir(), 'remora-static-'));
  const clientFile = join(directory, 'client.yaml');
  const ports = new Map<number, number>();
  let application: ReturnType<typeof spawn>;
  let server: SidecarProcess;
  let client: SidecarProcess;

  /** The example's port as it is in this run. */
  const port = (number: number): number => ports.get(number) ?? 0;

  /** A file of the example with ports that are free. */
  function adapted(name: string): string {
    const text = readFileSync(join(EXAMPLE, name), 'utf8');
    return text.replace(/\b17\d{3}\b/g, (number) => String(port(Number(number))));
  }

  before(async () => {
    const free = await freePorts(EXAMPLE_PORTS.length + 4);
    EXAMPLE_PORTS.forEach((number, i) => {
      ports.set(number, free[i] ?? 0);
    });
    const [adminA = 0, healthA = 0, adminB = 0, healthB = 0] = free.slice(EXAMPLE_PORTS.length);
    const certificates = join(EXAMPLE, 'certificates.mjs');
    execFileSync(process.execPath, [certificates, join(directory, 'certificates')]);
    const serverFile = join(directory, 'server.yaml');
    writeFileSync(serverFile, adapted('server.yaml'));
    writeFileSync(clientFile, adapted('client.yaml'));
    application = spawn(process.execPath, [join(EXAMPLE, 'application.mjs')], {
      env: { ...process.env, PORT: String(port(17080)) },
      stdio: 'inherit',
    });
    server = new SidecarProcess(
      { admin: adminA, health: healthA },
      { REMORA_STATIC_CONFIG: serverFile },
    );
    client = new SidecarProcess(
      { admin: adminB, health: healthB },
      { REMORA_STATIC_CONFIG: clientFile },
    );
    await Promise.all([server.ready(), client.ready()]);
    await until(async () => (await ask(17080, '/')).status === 200, 'the application');
  });

  after(async () => {
    application.kill('SIGKILL');
    await Promise.all([server[Symbol.asyncDispose](), client[Symbol.asyncDispose]()]);
    rmSync(directory, { recursive: true, force: true });
  });

  async function ask(number: number, path: string): Promise<{ status: number; text: string }> {
    try {
      const response = await fetch(`http://127.0.0.1:${port(number)}${path}`);
      return { status: response.status, text: await response.text() };
    } catch {
      return { status: 0, text: '' };
    }
  }

  test('carries a request from a client through two sidecars with mutual TLS', async () => {
    assert.deepEqual(await ask(17100, '/one'), { status: 200, text: 'hello from /one\n' });
    const metrics = await until(async () => {
      const { body } = await client.health('/metrics');
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
      const { body } = await server.health('/metrics');
      return /^http_server_request_duration_seconds_count\{.*$/m.exec(body)?.[0];
    }, 'the server’s metrics');
    assert.match(inbound, /source_workload="client",source_namespace="demo"/);
    assert.match(inbound, /mutual_tls="true"/);
  });

  test('carries plain text from outside of the mesh to the application', async () => {
    assert.deepEqual(await ask(17006, '/two'), { status: 200, text: 'hello from /two\n' });
  });

  test('shows its configuration, and not its key', async () => {
    const { body } = await client.admin('/config_dump');
    const dump = JSON.parse(body) as {
      identity: { spiffeId: string };
      config: { version: string };
    };
    assert.equal(dump.identity.spiffeId, 'spiffe://example.local/ns/demo/sa/client');
    assert.equal(dump.config.version, 'static');
    assert.doesNotMatch(body, /PRIVATE KEY/);
  });

  test('takes a change at once, and stays on what it had when a change is bad', async () => {
    const text = readFileSync(clientFile, 'utf8');
    writeFileSync(clientFile, text.replace('prefix: /', 'prefix: /only'));
    await until(async () => (await ask(17100, '/one')).status === 404, 'the new rule');
    assert.equal((await ask(17100, '/only/this')).status, 200);

    writeFileSync(clientFile, text.replace('prefix: /', 'prefx: /only'));
    const line = await client.logged('static configuration refused, the one before stays in force');
    assert.match(
      String(line.reason),
      /client\.yaml: resources\[2\]\.routes\.ports\[0\]\.rules\[0\]\.matches\[0\]\.prefx: there is no such field/,
    );
    assert.equal((await ask(17100, '/only/this')).status, 200);
    assert.equal((await ask(17100, '/one')).status, 404);
    assert.match((await client.health('/metrics')).body, /^remora_config_refused_total 1$/m);

    writeFileSync(clientFile, text);
    await until(async () => (await ask(17100, '/one')).status === 200, 'the old rule');
  });

  test('stops when it is told to', async () => {
    client.kill('SIGTERM');
    assert.equal(await client.exited(), 0);
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
      environment: { REMORA_CONTROL_PLANE: 'here', REMORA_DRAIN_SECONDS: 'long' },
      reason:
        /REMORA_CONTROL_PLANE must be host:port.*REMORA_TRUST_BUNDLE is not set.*REMORA_DRAIN_SECONDS must be/,
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
