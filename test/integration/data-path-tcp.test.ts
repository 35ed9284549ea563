import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { SOURCE_HEADER } from '../../sidecar/trunk/protocol.ts';
import { eventually, FakeCredentials } from '../fakes/connections.ts';
import { Call, ca, pod, program, SERVICE } from '../fakes/pods.ts';
import { NO_POLICY } from '../fakes/sidecars.ts';
import { askTrunk } from '../fakes/trunk-peer.ts';

const echo = (socket: Socket): void => {
  socket.pipe(socket);
};

for (const protocol of ['tcp', 'detect'] as const) {
  describe(`a ${protocol} connection to a service`, () => {
    test('reaches the program behind the sidecar of an endpoint, with mTLS', async () => {
      const [web, cart] = [await pod('web'), await pod('cart')];
      const app = await program(cart.options.address, echo);
      web.view.service('shop/cart', SERVICE.host, SERVICE.port, protocol, [
        cart.endpoint({ [SERVICE.port]: app.port }),
      ]);
      web.redirected = SERVICE;
      const call = new Call(web);
      call.socket.write('hello');
      await call.receives('hello');
      call.socket.end();
      await call.closed;
      assert.equal(call.error, undefined);
      await eventually(() => web.observer.closed.length + cart.observer.closed.length === 2);
      const parties = {
        source: { namespace: 'shop', workload: 'web' },
        destination: { namespace: 'shop', workload: 'cart' },
        mutualTls: true,
        protocol: 'tcp',
        bytesSent: 5,
        bytesReceived: 5,
      };
      assert.deepEqual(web.observer.closed, [
        { direction: 'outbound', service: 'shop/cart', ...parties },
      ]);
      assert.deepEqual(cart.observer.closed, [{ direction: 'inbound', service: '', ...parties }]);
    });

    test('hears a server that speaks first, at every call', async () => {
      const [web, db] = [await pod('web'), await pod('db')];
      const app = await program(db.options.address, (socket) => {
        socket.write('220 ready\n');
        socket.pipe(socket);
      });
      web.view.service('shop/db', SERVICE.host, SERVICE.port, protocol, [
        db.endpoint({ [SERVICE.port]: app.port }),
      ]);
      web.redirected = SERVICE;
      for (let i = 0; i < 3; i++) {
        const call = new Call(web);
        await call.receives('220 ready\n');
        call.socket.write('QUIT\n');
        await call.receives('220 ready\nQUIT\n');
        call.socket.destroy();
      }
    });

    test('may end one direction before the other', async () => {
      const [web, cart] = [await pod('web'), await pod('cart')];
      const app = await program(cart.options.address, (socket) => {
        let asked = '';
        socket.on('data', (bytes) => {
          asked += bytes;
        });
        socket.on('end', () => socket.end(`you said ${asked}`));
      });
      web.view.service('shop/cart', SERVICE.host, SERVICE.port, protocol, [
        cart.endpoint({ [SERVICE.port]: app.port }),
      ]);
      web.redirected = SERVICE;
      const call = new Call(web);
      call.socket.end('all');
      await call.receives('you said all');
      await call.closed;
      assert.equal(call.ended, true);
      // Without a single byte, too.
      const silent = new Call(web);
      silent.socket.end();
      await silent.receives('you said ');
    });
  });
}

describe('a connection to a service', () => {
  test('goes in plain text to an endpoint without a sidecar', async () => {
    const web = await pod('web');
    const app = await program('127.0.0.1', echo);
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'tcp', [app.endpoint]);
    web.redirected = SERVICE;
    const call = new Call(web);
    call.socket.write('x');
    await call.receives('x');
    assert.equal(web.observer.opened[0]?.mutualTls, false);
  });

  test('ends when nothing moved on it for as long as the policy allows', async () => {
    const [web, cart] = [await pod('web'), await pod('cart')];
    const app = await program(cart.options.address, echo);
    const endpoint = cart.endpoint({ [SERVICE.port]: app.port });
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'tcp', [endpoint]);
    const policy = { ...NO_POLICY, idleTimeoutMs: 200 };
    const ports = [{ port: SERVICE.port, routeBound: false, rules: [], policy }];
    web.view.change({ routes: new Map([['shop/cart', { service: 'shop/cart', ports }]]) });
    web.redirected = SERVICE;
    const call = new Call(web);
    call.socket.write('x');
    await call.receives('x');
    await call.closed;
    await eventually(() => web.observer.closed.length === 1);
  });

  test('breaks when the peer dies, and does not seem to end', async () => {
    const [web, cart] = [await pod('web'), await pod('cart')];
    const app = await program(cart.options.address, echo);
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'tcp', [
      cart.endpoint({ [SERVICE.port]: app.port }),
    ]);
    web.redirected = SERVICE;
    const call = new Call(web);
    call.socket.write('x');
    await call.receives('x');
    await cart.trunk.stop(AbortSignal.abort());
    await call.closed;
    assert.match(String(call.error), /ECONNRESET/);
    assert.equal(call.ended, false);
  });

  test('is reset when the program resets it, at either end, and does not seem to end', async () => {
    const [web, cart] = [await pod('web'), await pod('cart')];
    let atServer: unknown;
    const app = await program(cart.options.address, (socket) => {
      socket.on('error', (error) => {
        atServer = error;
      });
      socket.on('data', (bytes) => {
        if (String(bytes) === 'reset') socket.resetAndDestroy();
        else socket.write(bytes);
      });
    });
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'tcp', [
      cart.endpoint({ [SERVICE.port]: app.port }),
    ]);
    web.redirected = SERVICE;
    const call = new Call(web);
    call.socket.write('reset');
    await call.closed;
    assert.match(String(call.error), /ECONNRESET/);
    assert.equal(call.ended, false);

    const second = new Call(web);
    second.socket.write('x');
    await second.receives('x');
    second.socket.resetAndDestroy();
    await eventually(() => atServer !== undefined);
    assert.match(String(atServer), /ECONNRESET/);
  });

  test('is refused when the endpoint proves to be somebody else', async () => {
    const [web, thief] = [await pod('web'), await pod('thief')];
    const app = await program(thief.options.address, echo);
    const workload = { ...thief.asWorkload, workload: 'cart', serviceAccount: 'cart' };
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'tcp', [
      { ...thief.endpoint({ [SERVICE.port]: app.port }), workload },
    ]);
    web.redirected = SERVICE;
    const call = new Call(web);
    call.socket.write('secret');
    await call.closed;
    assert.ok(call.error);
    assert.equal(app.sockets.length, 0);
  });

  test('goes to another endpoint when the first is dead', async () => {
    const [web, dead, cart] = [await pod('web'), await pod('cart'), await pod('cart')];
    const app = await program(cart.options.address, echo);
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'tcp', [
      // The sidecar is there, and its program is not.
      dead.endpoint({ [SERVICE.port]: 9 }),
      cart.endpoint({ [SERVICE.port]: app.port }),
    ]);
    web.redirected = SERVICE;
    for (let i = 0; i < 8; i++) {
      const call = new Call(web);
      call.socket.write('x');
      await call.receives('x');
      call.socket.destroy();
    }
  });

  test('is not tried again at the only endpoint, nor where the policy forbids it', async () => {
    const [web, cart] = [await pod('web'), await pod('cart')];
    const app = await program(cart.options.address, echo);
    const dead = { ...app.endpoint, ports: new Map([[SERVICE.port, 9]]) };
    const alone = { ...dead, address: '127.0.0.1' };
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'tcp', [alone]);
    web.redirected = SERVICE;
    const call = new Call(web);
    await call.closed;
    assert.ok(call.error);
    assert.deepEqual(web.observer.retries, []);

    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'tcp', [
      alone,
      { ...dead, address: '127.0.0.2' },
    ]);
    const tries = new Call(web);
    await tries.closed;
    assert.deepEqual(web.observer.retries, ['shop/cart connect-failed']);

    const retries = {
      attempts: 0,
      statusCodes: new Set<number>(),
      connectFailure: true,
      backoffBaseMs: 1,
      backoffMaxMs: 1,
      budgetPercent: 0,
      budgetMinPerSecond: 0,
    };
    const policy = { ...NO_POLICY, retries };
    const ports = [{ port: SERVICE.port, routeBound: false, rules: [], policy }];
    web.view.change({ routes: new Map([['shop/cart', { service: 'shop/cart', ports }]]) });
    const forbidden = new Call(web);
    await forbidden.closed;
    assert.equal(web.observer.retries.length, 1);
  });

  test('waits for the details when the service is called for the first time', async () => {
    const [web, cart] = [await pod('web'), await pod('cart')];
    const app = await program(cart.options.address, echo);
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'tcp', undefined);
    web.redirected = SERVICE;
    const call = new Call(web);
    call.socket.write('x');
    await eventually(() => web.view.wanted.includes('shop/cart'));
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'tcp', [
      cart.endpoint({ [SERVICE.port]: app.port }),
    ]);
    await call.receives('x');
    assert.equal(web.observer.opened[0]?.mutualTls, true);
  });

  test('goes where it was going when the control plane does not answer', async () => {
    const web = await pod('web');
    const app = await program('127.0.0.1', echo);
    web.view.service('shop/cart', '127.0.0.1', app.port, 'http1', undefined);
    web.redirected = { host: '127.0.0.1', port: app.port };
    const call = new Call(web);
    call.socket.write('GET / HTTP/1.1\r\n');
    await call.receives('GET / HTTP/1.1\r\n');
  });
});

describe('a connection to an address', () => {
  test('of a pod with a sidecar is protected, though no service was called', async () => {
    const [web, cart] = [await pod('web'), await pod('cart')];
    const app = await program(cart.options.address, echo);
    web.view.onWanted = (what) => web.view.workload(what, cart.asWorkload);
    web.redirected = { host: cart.options.address, port: app.port };
    const call = new Call(web);
    call.socket.write('x\n');
    await call.receives('x\n');
    assert.deepEqual(web.view.wanted, [cart.options.address]);
    assert.equal(web.observer.opened[0]?.mutualTls, true);
    assert.equal(cart.observer.opened[0]?.source.workload, 'web');
  });

  for (const answer of ['nobody', undefined]) {
    test(`goes there in plain text when the control plane says ${answer ?? 'nothing'}`, async () => {
      const web = await pod('web');
      const app = await program('127.0.0.1', echo);
      if (answer !== undefined) web.view.onWanted = (what) => web.view.workload(what, null);
      web.redirected = { host: '127.0.0.1', port: app.port };
      for (let i = 0; i < 2; i++) {
        const call = new Call(web);
        call.socket.write('x\n');
        await call.receives('x\n');
        assert.equal(web.observer.opened[i]?.mutualTls, false);
      }
    });
  }

  test('may be an IPv6 address', async () => {
    const web = await pod('web');
    const app = await program('::1', echo);
    web.view.onWanted = (what) => web.view.workload(what, null);
    web.redirected = { host: '::1', port: app.port };
    const call = new Call(web);
    call.socket.write('x\n');
    await call.receives('x\n');
  });

  test('of the sidecar itself is refused', async () => {
    const web = await pod('web');
    for (const host of [web.options.address, '127.0.0.1']) {
      web.redirected = { host, port: 15006 };
      const call = new Call(web);
      await call.closed;
      assert.equal(call.text, '');
    }
  });
});

describe('a connection from outside', () => {
  test('reaches the program in plain text, when it was redirected', async () => {
    const cart = await pod('cart');
    const app = await program(cart.options.address, echo);
    cart.redirected = { host: cart.options.address, port: app.port };
    const socket = connect(cart.inbound.port, cart.options.address);
    // The sidecar is stopped first when the test is over.
    socket.on('error', () => {});
    after(() => socket.destroy());
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes;
    });
    socket.write('x\n');
    await eventually(() => text === 'x\n');
    assert.equal(cart.observer.opened[0]?.mutualTls, false);
    assert.deepEqual(cart.observer.opened[0]?.source, {
      namespace: 'unknown',
      workload: 'unknown',
    });
  });

  test('goes nowhere else', async () => {
    const cart = await pod('cart');
    const other = await program('127.0.0.1', echo);
    const places = [
      undefined,
      { host: '127.0.0.1', port: other.port },
      { host: cart.options.address, port: 15000 },
    ];
    for (const place of places) {
      cart.redirected = place;
      const socket = connect(cart.inbound.port, cart.options.address);
      socket.on('error', () => {});
      socket.write('x');
      await new Promise((resolve) => socket.once('close', resolve));
    }
    assert.equal(other.sockets.length, 0);
  });

  test('cannot use the trunk as a way to other places', async () => {
    const [web, cart] = [await pod('web'), await pod('cart')];
    const other = await program('127.0.0.1', echo);
    const destinations = [
      `127.0.0.1:${other.port}`,
      `${web.options.address}:${other.port}`,
      `${cart.options.address}:15000`,
      `[::ffff:127.0.0.1]:${other.port}`,
    ];
    for (const destination of destinations) {
      const answer = await askTrunk({
        host: cart.options.address,
        port: cart.trunk.port,
        headers: {
          ':method': 'CONNECT',
          ':authority': destination,
          [SOURCE_HEADER]: 'shop/web',
        },
        credentials: ca.credentials('shop', 'web'),
      });
      assert.equal(answer['x-remora-error'], 'destination-not-allowed', destination);
    }
    assert.equal(other.sockets.length, 0);
  });
});

describe('draining', () => {
  test('lets inbound connections end, and then takes no more', async () => {
    const [web, cart] = [await pod('web'), await pod('cart')];
    const app = await program(cart.options.address, echo);
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'tcp', [
      cart.endpoint({ [SERVICE.port]: app.port }),
    ]);
    web.redirected = SERVICE;
    const call = new Call(web);
    call.socket.write('before ');
    await call.receives('before ');
    let drained = false;
    const stopped = cart.trunk.stop(AbortSignal.timeout(20_000)).then(() => {
      drained = true;
    });
    call.socket.write('after');
    await call.receives('before after');
    assert.equal(drained, false);
    call.socket.end();
    await call.closed;
    await stopped;
    const late = new Call(web);
    await late.closed;
    assert.ok(late.error);
  });

  test('of inbound leaves outbound working', async () => {
    const [web, cart] = [await pod('web'), await pod('cart')];
    const app = await program(cart.options.address, echo);
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'tcp', [
      cart.endpoint({ [SERVICE.port]: app.port }),
    ]);
    web.redirected = SERVICE;
    await web.inbound.stop(AbortSignal.timeout(20_000));
    await web.trunk.stop(AbortSignal.timeout(20_000));
    const call = new Call(web);
    call.socket.write('x');
    await call.receives('x');
  });

  test('cuts what is left when patience ends', async () => {
    const [web, cart] = [await pod('web'), await pod('cart')];
    const app = await program(cart.options.address, echo);
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'tcp', [
      cart.endpoint({ [SERVICE.port]: app.port }),
    ]);
    web.redirected = SERVICE;
    const call = new Call(web);
    call.socket.write('x');
    await call.receives('x');
    const patience = new AbortController();
    const stopped = web.outbound.stop(patience.signal);
    patience.abort();
    await stopped;
    await call.closed;
    assert.equal(web.outbound.connections, 0);
  });
});

test('a listener can stand for one destination', async () => {
  const app = await program('127.0.0.1', echo);
  const sidecar = await pod('web', {
    credentials: new FakeCredentials(undefined),
    destination: SERVICE,
  });
  sidecar.view.service('shop/cart', SERVICE.host, SERVICE.port, 'tcp', [app.endpoint]);
  const call = new Call(sidecar);
  call.socket.write('x');
  await call.receives('x');
  assert.equal(sidecar.observer.opened[0]?.service, 'shop/cart');
});
