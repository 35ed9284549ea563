import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { ServiceProxy } from './service-proxy.ts';
import { ClusterIps, serveServices } from './services.ts';

suite('the proxy of a pod outside the mesh', () => {
  const server = createServer((request, response) => {
    response.end(`${request.method} ${request.headers.host} ${request.url}`);
  });
  let proxy: ServiceProxy;

  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const services = serveServices(
      ['web', 'empty'].map((name) => ({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, namespace: 'shop' },
        spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] },
      })),
      [
        {
          ...{ name: 'a', namespace: 'shop', labels: { app: 'web' }, address: '127.0.0.1' },
          ...{ hostname: '', subdomain: '', ready: true, terminating: false },
          namedPorts: new Map(),
          realPort: () => port,
        },
      ],
      new ClusterIps('10.199'),
    );
    proxy = new ServiceProxy('outside', () => services);
    await proxy.start();
  });

  after(async () => {
    await proxy.stop();
    server.close();
    server.closeAllConnections();
  });

  const ask = async (url: string): Promise<{ status: number; body: string }> => {
    const asking = get({ host: '127.0.0.1', port: proxy.port, path: url, agent: false });
    const [response] = (await once(asking, 'response')) as [IncomingMessage];
    let body = '';
    for await (const chunk of response) body += String(chunk);
    return { status: response.statusCode ?? 0, body };
  };

  const cases = [
    { url: 'http://web.shop/a?b', status: 200, body: /^GET web\.shop \/a\?b$/ },
    { url: 'http://web.shop.svc.cluster.local/', status: 200, body: /^GET web\.shop\.svc/ },
    {
      url: 'http://empty.shop/',
      status: 503,
      body: /service empty\.shop has no pod that is ready/,
    },
    { url: '/not-a-proxy-request', status: 400, body: /this is a proxy/ },
  ];
  for (const { url, status, body } of cases) {
    test(`${url} is answered with ${status}`, async () => {
      const answer = await ask(url);
      assert.equal(answer.status, status);
      assert.match(answer.body, body);
    });
  }

  test('tunnels to a service', async () => {
    const socket = connect(proxy.port, '127.0.0.1');
    socket.setEncoding('utf8');
    let received = '';
    socket.on('data', (text) => {
      received += text;
    });
    socket.write('CONNECT web.shop:80 HTTP/1.1\r\nhost: web.shop:80\r\n\r\n');
    socket.write('GET /tunnel HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    await once(socket, 'close');
    assert.match(received, /^HTTP\/1\.1 200 Connection Established\r\n\r\nHTTP\/1\.1 200 OK/);
    assert.match(received, /GET x \/tunnel$/);
  });

  test('refuses a tunnel to a service without pods', async () => {
    const socket = connect(proxy.port, '127.0.0.1');
    socket.setEncoding('utf8');
    socket.write('CONNECT empty.shop:80 HTTP/1.1\r\nhost: empty.shop:80\r\n\r\n');
    const [text] = await once(socket, 'data');
    assert.match(text, /^HTTP\/1\.1 503 /);
    socket.destroy();
  });
});
