import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CONTAINER, PORT } from '../../proto/well-known.ts';
import { Capture, countTlsRecords, portsWithPayload } from './harness/capture.ts';
import { echo, fetchFrom, fetchOnce } from './harness/http.ts';
import { apply, execute, nodeOf, podOf, podsOf, rolledOut } from './harness/kubectl.ts';
import { NodeShell } from './harness/node-shell.ts';
import { until } from './harness/poll.ts';
import { prepare, useMesh, useNamespace } from './harness/topic.ts';
import { PROGRAM, service, workload } from './harness/workloads.ts';

/** By which the trunk's server tells a connection for it. */
const SERVER_NAME = 'trunk.remora.dev';
const MARKER = 'plain-text-marker-7f3a';

describe('traffic of unmodified programs', () => {
  useMesh();
  const meshed = useNamespace('e2e-traffic', { meshed: true });
  const plain = useNamespace('e2e-outside', { meshed: false });
  const node = new NodeShell(plain);
  const capture = new Capture(node);

  const mysql = (host: string, statement: string) => [
    'mariadb',
    '--skip-ssl',
    '--connect-timeout=10',
    '-N',
    '-B',
    '-h',
    host,
    '-uprobe',
    '-psecret',
    '-e',
    statement,
  ];

  prepare(meshed, async () => {
    await apply([
      ...(await workload(meshed, 'client', PROGRAM.idle)),
      ...(await workload(meshed, 'echo', { ...PROGRAM.echo, replicas: 2, portName: 'http' })),
      ...(await workload(meshed, 'nginx', PROGRAM.nginx)),
      ...(await workload(meshed, 'python', PROGRAM.python)),
      ...(await workload(meshed, 'redis', PROGRAM.redis)),
      ...(await workload(meshed, 'mariadb', PROGRAM.mariadb)),
      service(meshed, 'echo-headless', {
        port: 8080,
        targetPort: 8080,
        headless: true,
        selector: { app: 'echo' },
      }),
      ...(await workload(plain, 'client', PROGRAM.idle)),
      ...(await workload(plain, 'echo', PROGRAM.echo)),
      ...(await workload(plain, 'mariadb', PROGRAM.mariadb)),
    ]);
    await rolledOut(
      meshed,
      ...['client', 'echo', 'nginx', 'python', 'redis', 'mariadb'].map((n) => `deployment/${n}`),
    );
    await rolledOut(plain, ...['client', 'echo', 'mariadb'].map((n) => `deployment/${n}`));
    await node.start(await nodeOf(meshed, 'echo'));
  });

  test('nginx, a Python server, Redis and MariaDB answer a meshed client', async () => {
    const page = await fetchOnce(meshed, 'deployment/client', `http://nginx/`);
    assert.equal(page.status, 200, page.error);
    assert.match(String(page.body), /Welcome to nginx/);
    const listing = await fetchOnce(meshed, 'deployment/client', `http://python:8000/`);
    assert.equal(listing.status, 200, listing.error);
    assert.match(String(listing.body), /load\.py/);
    const client = { namespace: meshed, pod: 'deployment/client', container: 'app' };
    const set = await execute(client, ['redis-cli', '-h', 'redis', 'set', 'key', 'value']);
    assert.equal(set.trim(), 'OK');
    const get = await execute(client, ['redis-cli', '-h', 'redis', 'get', 'key']);
    assert.equal(get.trim(), 'value');
    const answer = await execute(client, mysql('mariadb', 'select 6 * 7'));
    assert.equal(answer.trim(), '42');
  });

  test('between unmeshed pods a capture holds the plain text, so that it would be seen', async () => {
    const { podIP = '' } = (await podOf(plain, 'echo')).status;
    const bytes = await capture.of({ addresses: [podIP] }, () =>
      echo(plain, 'deployment/client', `http://${podIP}:8080/${MARKER}`),
    );
    assert.ok(bytes.includes(MARKER));
    assert.ok(portsWithPayload(bytes).has(8080));
  });

  for (const { name, app, send } of [
    {
      name: 'HTTP to a service',
      app: 'echo',
      send: () =>
        fetchFrom(meshed, 'deployment/client', `http://echo:8080/${MARKER}`, { count: 6 }),
    },
    {
      name: 'HTTP to a headless service',
      app: 'echo',
      send: () =>
        fetchFrom(meshed, 'deployment/client', `http://echo-headless:8080/${MARKER}`, {
          count: 6,
        }),
    },
    {
      name: 'HTTP to the address of a pod',
      app: 'echo',
      send: async () => {
        for (const pod of await podsOf(meshed, 'echo')) {
          await echo(meshed, 'deployment/client', `http://${pod.status.podIP}:8080/${MARKER}`);
        }
      },
    },
    {
      name: 'Redis',
      app: 'redis',
      send: () =>
        execute({ namespace: meshed, pod: 'deployment/client', container: 'app' }, [
          'redis-cli',
          '-h',
          'redis',
          'echo',
          MARKER,
        ]),
    },
    {
      name: 'MariaDB, whose server speaks first',
      app: 'mariadb',
      send: () =>
        execute(
          { namespace: meshed, pod: 'deployment/client', container: 'app' },
          mysql('mariadb', `select '${MARKER}'`),
        ),
    },
  ]) {
    test(`${name} is mTLS on the wire between meshed pods`, async () => {
      const pods = await podsOf(meshed, app);
      const captured = await capture.of(
        {
          addresses: pods.map((pod) => pod.status.podIP ?? ''),
          // Without the kubelet's probes, which are plain text from the node.
          peer: (await podOf(meshed, 'client')).status.podIP ?? '',
        },
        send,
      );
      const records = countTlsRecords(captured);
      assert.ok(records.data > 0, 'no TLS record was captured');
      assert.ok(!captured.includes(MARKER), 'the marker can be read on the wire');
      const servicePorts = [...portsWithPayload(captured)].filter((port) => port < 30_000);
      assert.deepEqual(servicePorts, [PORT.trunk]);
    });
  }

  test('the server shows the identity of its service account, and asks for one', async () => {
    for (const app of ['nginx', 'redis']) {
      const { podIP } = (await podOf(meshed, app)).status;
      const said = await execute({ namespace: plain, pod: 'deployment/client', container: 'app' }, [
        'sh',
        '-c',
        `openssl s_client -connect ${podIP}:${PORT.trunk} -alpn h2 -servername ${SERVER_NAME} </dev/null 2>/tmp/said >/tmp/chain; cat /tmp/said /tmp/chain; openssl x509 -in /tmp/chain -noout -ext subjectAltName`,
      ]);
      assert.match(said, new RegExp(`URI:spiffe://cluster\\.local/ns/${meshed}/sa/${app}\\s`));
      assert.match(said, /TLSv1\.3/);
      assert.match(
        said,
        /Client Certificate Types|Acceptable client certificate|Requested Signature Algorithms/,
      );
    }
  });

  test('a server learns who calls from x-forwarded-client-cert, and never what a client claims', async () => {
    const url = `http://echo.${meshed}:8080/`;
    const claim = {
      'x-forwarded-client-cert': 'URI=spiffe://cluster.local/ns/kube-system/sa/root',
    };
    const inside = await echo(meshed, 'deployment/client', url, { headers: claim });
    assert.match(
      inside.headers['x-forwarded-client-cert'] ?? '',
      new RegExp(`URI=spiffe://cluster\\.local/ns/${meshed}/sa/client(;|,|$)`),
    );
    assert.doesNotMatch(inside.headers['x-forwarded-client-cert'] ?? '', /kube-system/);
    const outside = await echo(plain, 'deployment/client', url, { headers: claim });
    assert.equal(outside.headers['x-forwarded-client-cert'], undefined);
  });

  test('a meshed client reaches unmeshed servers, and an unmeshed client meshed ones', async () => {
    const out = await echo(meshed, 'deployment/client', `http://echo.${plain}:8080/out`);
    assert.equal(out.path, '/out');
    const outDatabase = await execute(
      { namespace: meshed, pod: 'deployment/client', container: 'app' },
      mysql(`mariadb.${plain}`, 'select 1'),
    );
    assert.equal(outDatabase.trim(), '1');

    const into = await echo(plain, 'deployment/client', `http://echo.${meshed}:8080/into`);
    assert.equal(into.path, '/into');
    const client = { namespace: plain, pod: 'deployment/client', container: 'app' };
    const intoDatabase = await execute(client, mysql(`mariadb.${meshed}`, 'select 2'));
    assert.equal(intoDatabase.trim(), '2');
    const pong = await execute(client, ['redis-cli', '-h', `redis.${meshed}`, 'ping']);
    assert.equal(pong.trim(), 'PONG');
  });

  test('a pod reaches itself through its own service and its own address', async () => {
    const [pod] = await podsOf(meshed, 'python');
    assert.ok(pod);
    for (const host of ['python', pod.status.podIP, '127.0.0.1']) {
      const answer = await fetchOnce(meshed, pod.metadata.name, `http://${host}:8000/`);
      assert.equal(answer.status, 200, `${host}: ${answer.error}`);
    }
  });

  test('requests to a service are spread over its pods', async () => {
    const answers = await fetchFrom(meshed, 'deployment/client', 'http://echo:8080/', {
      count: 40,
      keep: true,
    });
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    const pods = new Set(answers.map(({ body }) => (body as { pod: string }).pod));
    assert.equal(pods.size, 2);
  });

  test('a large upload and its answer arrive whole', async () => {
    const script =
      'head -c 3000000 /dev/zero | tr "\\0" x >/tmp/big; ' +
      'curl -sS --fail --max-time 30 --data-binary @/tmp/big http://echo:8080/upload | wc -c';
    const size = await execute({ namespace: meshed, pod: 'deployment/client', container: 'app' }, [
      'sh',
      '-c',
      script,
    ]);
    assert.ok(Number(size) > 3_000_000, `${size} bytes`);
  });

  test('a program that speaks TLS itself, such as a client of the API server, is left alone', async () => {
    const status = await execute(
      { namespace: meshed, pod: 'deployment/client', container: 'app' },
      [
        'sh',
        '-c',
        'curl -sS --max-time 10 -o /dev/null -w "%{http_code}" ' +
          '--cacert /var/run/secrets/kubernetes.io/serviceaccount/ca.crt ' +
          '-H "authorization: Bearer $(cat /var/run/secrets/kubernetes.io/serviceaccount/token)" ' +
          'https://kubernetes.default.svc/version',
      ],
    );
    assert.equal(status, '200');
  });

  test('a port on which nobody listens is refused, not left hanging', async () => {
    const started = performance.now();
    const { podIP } = (await podOf(meshed, 'nginx')).status;
    const answer = await fetchOnce(meshed, 'deployment/client', `http://${podIP}:4444/`);
    assert.ok(answer.status === 0 || answer.status >= 500, `status ${answer.status}`);
    assert.ok(performance.now() - started < 15_000);
  });

  test('metrics of both sides can be scraped on 15020, with workload and namespace', async () => {
    const outbound = await metricsOf(meshed, 'client');
    const inbound = await metricsOf(meshed, 'echo');
    assert.match(outbound, /^# TYPE \w+ (counter|histogram|gauge)$/m);
    const called = outbound
      .split('\n')
      .filter(
        (line) => /requests?_|request_duration.*_count/.test(line) && line.includes('"echo"'),
      );
    assert.notDeepEqual(called, [], 'the client counted no request to echo');
    const received = inbound.split('\n').filter((line) => line.includes('"client"'));
    assert.notDeepEqual(received, [], 'echo counted no request of the client');
    assert.ok(called.every((line) => line.includes(`"${meshed}"`)));
    assert.match(outbound, /certificate/);
  });

  test('a sidecar that is killed comes back, and its pod serves on', async (t) => {
    const before = await podOf(meshed, 'nginx');
    const proxy = (pod: typeof before) =>
      pod.status.initContainerStatuses?.find(({ name }) => name === CONTAINER.proxy);
    const restarts = proxy(before)?.restartCount ?? 0;
    const status = proxy(before);
    assert.ok(status);
    t.diagnostic(`the sidecar took ${(await node.memoryMiB(status)).toFixed(0)} MiB (PSS)`);
    await node.signal(status, 'KILL');
    await until(
      'the sidecar runs again',
      async () => {
        const now = proxy(await podOf(meshed, 'nginx'));
        return now !== undefined && now.restartCount > restarts && now.ready ? true : undefined;
      },
      { timeoutMs: 60_000 },
    );
    const page = await until('nginx answers', async () => {
      const answer = await fetchOnce(meshed, 'deployment/client', 'http://nginx/');
      return answer.status === 200 ? answer : undefined;
    });
    assert.equal(page.status, 200);
  });

  async function metricsOf(namespace: string, app: string): Promise<string> {
    const texts = await Promise.all(
      (await podsOf(namespace, app)).map(({ status }) =>
        execute({ namespace: plain, pod: 'deployment/client', container: 'app' }, [
          'curl',
          '-sS',
          '--fail',
          `http://${status.podIP}:${PORT.health}/metrics`,
        ]),
      ),
    );
    return texts.join('\n');
  }
});
