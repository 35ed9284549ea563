import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { parseStaticConfig, readStaticFile } from './static-file.ts';

const service = {
  name: 'service/shop/web',
  service: {
    namespace: 'shop',
    name: 'web',
    addresses: ['10.1.0.1'],
    ports: [{ port: 80, protocol: 'HTTP1' }],
  },
};

const certificate = { chain: 'a.pem', privateKey: 'a.key', trustBundle: '/roots.pem' };

suite('a static configuration', () => {
  test('is read with its defaults, and paths from its own folder', () => {
    const {
      config,
      pod,
      certificate: paths,
      listeners,
    } = parseStaticConfig(
      {
        certificate,
        listeners: {
          outbound: { address: '127.0.0.1:1', redirect: true },
          inbound: { address: '[::1]:2', application: '127.0.0.1:3' },
          trunk: { address: '0.0.0.0:4' },
          destinations: [{ address: '127.0.0.1:5', service: 'shop/web', port: 80 }],
        },
        resources: [service],
      },
      '/etc/remora',
    );
    assert.deepEqual(pod, {
      name: 'static',
      namespace: 'default',
      addresses: ['127.0.0.1', '::1'],
    });
    assert.deepEqual(paths, {
      chain: '/etc/remora/a.pem',
      privateKey: '/etc/remora/a.key',
      trustBundle: '/roots.pem',
    });
    assert.deepEqual(listeners, {
      outbound: { address: { host: '127.0.0.1', port: 1 }, redirect: true },
      inbound: {
        address: { host: '::1', port: 2 },
        application: { host: '127.0.0.1', port: 3 },
      },
      trunk: { host: '0.0.0.0', port: 4 },
      destinations: [{ address: { host: '127.0.0.1', port: 5 }, service: 'shop/web', port: 80 }],
    });
    assert.equal(config.version, 'static');
    assert.equal(config.services.get('shop/web')?.ports[0]?.protocol, 'http1');
  });

  test('may turn the access log on, and else leaves it to the environment', () => {
    const settings = (accessLog: object) => parseStaticConfig({ accessLog }, '/').accessLog;
    assert.equal(parseStaticConfig({}, '/').accessLog, undefined);
    assert.deepEqual(settings({ format: 'json' }), { format: 'json', includesQuery: false });
    assert.deepEqual(settings({ format: 'text', query: 'include' }), {
      format: 'text',
      includesQuery: true,
    });
  });

  test('is all there is: nobody waits for more details of a service or an address', () => {
    const { config } = parseStaticConfig({ resources: [service] }, '/');
    assert.deepEqual(config.routes.get('shop/web'), { service: 'shop/web', ports: [] });
    assert.deepEqual(config.endpoints.get('shop/web'), { service: 'shop/web', endpoints: [] });
    assert.equal(config.workloads.has('10.9.9.9'), true);
    assert.equal(config.workloads.get('10.9.9.9') ?? null, null);
  });

  const bad: { name: string; file: unknown; reasons: RegExp[] }[] = [
    { name: 'that is empty', file: null, reasons: [/the file: an object is wanted, not null/] },
    {
      name: 'with a field that does not exist',
      file: { listener: {} },
      reasons: [
        /there is no field "listener"; there are pod, certificate, listeners, accessLog, resources/,
      ],
    },
    {
      name: 'with an access log in a format that nobody knows',
      file: { accessLog: { format: 'xml', query: 'maybe' } },
      reasons: [
        /accessLog\.format: one of off, text, json is wanted, not "xml"/,
        /accessLog\.query: one of omit, include is wanted, not "maybe"/,
      ],
    },
    {
      name: 'with an address without a port',
      file: { listeners: { trunk: { address: '0.0.0.0' } } },
      reasons: [/listeners\.trunk\.address: host:port is wanted, not "0\.0\.0\.0"/],
    },
    {
      name: 'with an inbound listener that leads nowhere',
      file: { listeners: { inbound: { address: '127.0.0.1:1' } } },
      reasons: [/listeners\.inbound: either redirect: true or an application/],
    },
    {
      name: 'with several mistakes, each told',
      file: {
        pod: { addresses: ['localhost'] },
        certificate: { chain: 'a.pem' },
        listeners: { outbound: { address: '127.0.0.1:1', redirect: 'yes' } },
      },
      reasons: [
        /pod\.addresses\[0\]: an IP address is wanted, not "localhost"/,
        /certificate\.privateKey: a text is wanted, not nothing/,
        /listeners\.outbound\.redirect: true or false is wanted, not "yes"/,
      ],
    },
    {
      name: 'with a destination that no resource describes',
      file: {
        listeners: { destinations: [{ address: '127.0.0.1:1', service: 'shop/db', port: 80 }] },
      },
      reasons: [/destinations\[0\]\.service: no resource service\/shop\/db is in this file/],
    },
    {
      name: 'with a destination on a port that the service has not',
      file: {
        listeners: { destinations: [{ address: '127.0.0.1:1', service: 'shop/web', port: 81 }] },
        resources: [service],
      },
      reasons: [/destinations\[0\]\.port: service\/shop\/web has no port 81/],
    },
    {
      name: 'with a trunk and no certificate',
      file: { listeners: { trunk: { address: '127.0.0.1:1' } } },
      reasons: [/certificate: it is missing, and the trunk needs one/],
    },
    {
      name: 'with an endpoint behind a trunk and no certificate',
      file: {
        resources: [
          {
            name: 'endpoints/shop/web',
            endpoints: {
              service: 'shop/web',
              endpoints: [{ address: '10.0.0.1', workload: { pod: 'a', trunkPort: 15008 } }],
            },
          },
        ],
      },
      reasons: [/certificate: it is missing, and endpoints\/shop\/web is reached by its trunkPort/],
    },
    {
      name: 'with a resource in the wrong spelling',
      file: { resources: [{ name: 'settings', settings: { trust_domain: 'a' } }] },
      reasons: [
        /resources\[0\]\.settings\.trust_domain: there is no such field; there are workload/,
      ],
    },
    {
      name: 'with values of the wrong type',
      file: {
        resources: [
          {
            name: 'service/shop/web',
            service: { namespace: 1, ports: { port: 80 }, addresses: ['10.1.0.1'] },
          },
          {
            name: 'routes/shop/web',
            routes: { ports: [{ port: '80', routeBound: 1, rules: ['/'] }, { port: -1 }] },
          },
        ],
      },
      reasons: [
        /resources\[0\]\.service\.namespace: a text is wanted, not 1/,
        /resources\[0\]\.service\.ports: a list is wanted, not an object/,
        /routes\.ports\[0\]\.port: a whole number from 0 is wanted, not "80"/,
        /ports\[0\]\.routeBound: true or false is wanted, not 1/,
        /ports\[0\]\.rules\[0\]: an object is wanted, not "\/"/,
        /ports\[1\]\.port: a whole number from 0 is wanted, not -1/,
      ],
    },
    {
      name: 'with an unknown protocol',
      file: {
        resources: [{ name: 'settings', settings: { inboundPorts: [{ protocol: 'FTP' }] } }],
      },
      reasons: [/inboundPorts\[0\]\.protocol: one of DETECT, HTTP1, HTTP2, .* not "FTP"/],
    },
    {
      name: 'with two bodies in one resource',
      file: { resources: [{ name: 'settings', settings: {}, workload: {} }] },
      reasons: [/resources\[0\]: only one of settings, workload may be given/],
    },
    {
      name: 'with a path match that is two',
      file: {
        resources: [
          {
            name: 'routes/shop/web',
            routes: { ports: [{ rules: [{ matches: [{ exact: '/', prefix: '/' }] }] }] },
          },
        ],
      },
      reasons: [/matches\[0\]: only one of exact, prefix may be given/],
    },
    {
      name: 'with two things to hash',
      file: {
        resources: [
          {
            name: 'routes/shop/web',
            routes: {
              ports: [
                { policy: { loadBalancer: { hash: { header: 'x', cookie: { name: 'y' } } } } },
              ],
            },
          },
        ],
      },
      reasons: [/loadBalancer\.hash: only one of header, cookie may be given/],
    },
    {
      name: 'with what a push may not hold either',
      file: { resources: [{ ...service, requires: ['time-travel'] }] },
      reasons: [/resource service\/shop\/web: it requires "time-travel"/],
    },
  ];
  for (const { name, file, reasons } of bad) {
    test(`is refused ${name}`, () => {
      assert.throws(
        () => parseStaticConfig(file, '/'),
        (error: unknown) => {
          for (const reason of reasons) assert.match(String(error), reason);
          return true;
        },
      );
    });
  }

  test('is refused with the file and the place when it is no YAML or JSON', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'remora-static-'));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const yaml = join(directory, 'bad.yaml');
    writeFileSync(yaml, 'listeners:\n  trunk: {address: [\n');
    await assert.rejects(readStaticFile(yaml), /bad\.yaml: .*line \d/s);
    const twice = join(directory, 'twice.yaml');
    writeFileSync(twice, 'pod: {}\npod: {}\n');
    await assert.rejects(readStaticFile(twice), /twice\.yaml: .*unique.*line 2/s);
    const json = join(directory, 'bad.json');
    writeFileSync(json, '{\n  "pod": }\n');
    await assert.rejects(readStaticFile(json), /bad\.json: Unexpected token '}'/);
    writeFileSync(json, '{ "resources": [] }\n');
    assert.equal((await readStaticFile(json)).config.version, 'static');
  });
});
