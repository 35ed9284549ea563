import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { silentLog } from '../runtime/log.ts';
import { installRules, type Machine } from './init.ts';
import type { InterceptionOptions, SidecarMatch } from './iptables.ts';

/*
 * Real packets: a pod and a peer, each in a network namespace of its own, joined
 * by a veth pair. A listener on every port of interest answers with the name of
 * its namespace and its port, so that a connection tells where it ended up.
 *
 * A namespace is held by a process that ends with its standard input, so nothing
 * stays behind however this test ends.
 */

const ENTER = 'nsenter';
const UNSHARE = 'unshare';
const SIDECAR_UID = 15137;
const APPLICATION_UID = 1000;
const POD_PORTS = [8080, 2222, 15001, 15006, 15008, 15020];
const PEER_PORTS = [8080, 9000, 15008];

const exclusions: Omit<InterceptionOptions, 'sidecar'> = {
  outboundPort: 15001,
  inboundPort: 15006,
  excludedInboundPorts: [15006, 15008, 15020, 2222],
  excludedOutboundPorts: [9000],
  excludedOutboundCidrs: ['10.50.0.0/16', 'fd50::/16'],
};

interface Connection {
  name: string;
  from: 'application' | 'sidecar' | 'peer';
  /** Host and port. `[4, 6]` stand for both families. */
  to: readonly [ipv4: string, ipv6: string, port: number];
  arrivesAt: string;
}

const connections: readonly Connection[] = [
  {
    name: 'a call to a service goes to the sidecar',
    from: 'application',
    to: ['10.96.0.1', 'fd96::1', 80],
    arrivesAt: 'pod 15001',
  },
  {
    name: 'a call to a pod address goes to the sidecar',
    from: 'application',
    to: ['10.9.0.1', 'fd09::1', 8080],
    arrivesAt: 'pod 15001',
  },
  {
    name: 'an excluded port is reached directly',
    from: 'application',
    to: ['10.9.0.1', 'fd09::1', 9000],
    arrivesAt: 'peer 9000',
  },
  {
    name: 'an excluded network is reached directly',
    from: 'application',
    to: ['10.50.0.1', 'fd50::1', 8080],
    arrivesAt: 'peer 8080',
  },
  {
    name: 'loopback stays inside the pod',
    from: 'application',
    to: ['127.0.0.1', '::1', 8080],
    arrivesAt: 'pod 8080',
  },
  {
    name: "the pod's own address stays inside the pod",
    from: 'application',
    to: ['10.9.0.2', 'fd09::2', 8080],
    arrivesAt: 'pod 8080',
  },
  {
    name: 'the sidecar reaches a peer directly',
    from: 'sidecar',
    to: ['10.9.0.1', 'fd09::1', 15008],
    arrivesAt: 'peer 15008',
  },
  {
    name: 'the sidecar reaches its application',
    from: 'sidecar',
    to: ['10.9.0.2', 'fd09::2', 8080],
    arrivesAt: 'pod 8080',
  },
  {
    name: 'the sidecar reaches its own trunk, for a call of the pod to its own service',
    from: 'sidecar',
    to: ['10.9.0.2', 'fd09::2', 15008],
    arrivesAt: 'pod 15008',
  },
  {
    name: "a connection from outside to the application's port goes to the sidecar",
    from: 'peer',
    to: ['10.9.0.2', 'fd09::2', 8080],
    arrivesAt: 'pod 15006',
  },
  {
    name: 'so does one to a port on which nobody listens',
    from: 'peer',
    to: ['10.9.0.2', 'fd09::2', 7777],
    arrivesAt: 'pod 15006',
  },
  {
    name: 'so does one to the outbound port, which is not open to others',
    from: 'peer',
    to: ['10.9.0.2', 'fd09::2', 15001],
    arrivesAt: 'pod 15006',
  },
  {
    name: 'the trunk is reached directly',
    from: 'peer',
    to: ['10.9.0.2', 'fd09::2', 15008],
    arrivesAt: 'pod 15008',
  },
  {
    name: 'health is reached directly',
    from: 'peer',
    to: ['10.9.0.2', 'fd09::2', 15020],
    arrivesAt: 'pod 15020',
  },
  {
    name: 'an excluded inbound port is reached directly',
    from: 'peer',
    to: ['10.9.0.2', 'fd09::2', 2222],
    arrivesAt: 'pod 2222',
  },
];

const scenarios: readonly { name: string; backend: string; sidecar: SidecarMatch }[] = [
  { name: 'nft, by uid', backend: 'nft', sidecar: { by: 'uid', uid: SIDECAR_UID } },
  { name: 'legacy, by uid', backend: 'legacy', sidecar: { by: 'uid', uid: SIDECAR_UID } },
  {
    name: 'nft, by source address',
    backend: 'nft',
    sidecar: { by: 'source-address', addresses: ['10.9.0.3', 'fd09::3'] },
  },
];

const LISTENER = `
  import { createServer } from 'node:net';
  import { createSocket } from 'node:dgram';
  const [name, ...ports] = process.argv.slice(1);
  for (const port of ports) {
    const server = createServer((socket) => socket.on('error', () => {}).end(name + ' ' + port));
    await new Promise((resolve) => server.listen(Number(port), '::', resolve));
  }
  const dns = createSocket('udp6', (message, from) => dns.send(name + ' dns', from.port, from.address));
  dns.bind(53, '::', () => console.log('listening'));
  process.stdin.resume().on('end', () => process.exit());
`;

const CLIENT = `
  import { connect } from 'node:net';
  import { createSocket } from 'node:dgram';
  const tcp = ({ host, port, localAddress }) => new Promise((resolve) => {
    let text = '';
    connect({ host, port, localAddress, timeout: 3000 })
      .on('data', (bytes) => { text += bytes; })
      .on('timeout', function () { this.destroy(new Error('timeout')); })
      .on('error', (error) => resolve(error.message))
      .on('close', () => resolve(text));
  });
  const udp = ({ host }) => new Promise((resolve) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4', (message) => {
      socket.close();
      resolve(String(message));
    });
    socket.send('question', 53, host);
    setTimeout(() => resolve('no answer'), 3000).unref();
  });
  const wanted = JSON.parse(process.argv[1]);
  const found = await Promise.all(wanted.map((one) => (one.udp ? udp(one) : tcp(one))));
  console.log(JSON.stringify(found));
`;

const skip = whyNot();

for (const { name, backend, sidecar } of scenarios) {
  suite(`packets (${name})`, { skip }, () => {
    const children: ChildProcess[] = [];
    let pod = 0;
    let peer = 0;

    const inNamespace = (pid: number, ...command: string[]): string =>
      execFileSync(ENTER, ['-t', String(pid), '-n', ...command], { encoding: 'utf8' });

    const reach = async (
      from: Connection['from'],
      wanted: readonly { host: string; port?: number; udp?: boolean }[],
    ): Promise<string[]> => {
      const bound = from === 'sidecar' && sidecar.by === 'source-address';
      const targets = wanted.map((one) => {
        if (!bound) return one;
        return { ...one, localAddress: sidecar.addresses[one.host.includes(':') ? 1 : 0] };
      });
      const uid = from === 'sidecar' && !bound ? SIDECAR_UID : APPLICATION_UID;
      const client = spawn(ENTER, [
        ...['-t', String(from === 'peer' ? peer : pod), '-n', 'setpriv'],
        ...[`--reuid=${uid}`, '--clear-groups', process.execPath],
        ...['--input-type=module', '-e', CLIENT, JSON.stringify(targets)],
      ]);
      let output = '';
      client.stdout.on('data', (bytes) => {
        output += bytes;
      });
      client.stderr.pipe(process.stderr);
      await once(client, 'close');
      return JSON.parse(output) as string[];
    };

    before(async () => {
      const hold = async (): Promise<number> => {
        const holder = spawn(UNSHARE, ['--net', 'sh', '-c', 'echo; exec cat'], {
          stdio: ['pipe', 'pipe', 'inherit'],
        });
        children.push(holder);
        await once(holder.stdout, 'data');
        return holder.pid ?? 0;
      };
      [pod, peer] = await Promise.all([hold(), hold()]);
      inNamespace(
        pod,
        ...['ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns'],
        String(peer),
      );
      for (const [pid, addresses] of [
        [pod, ['10.9.0.2/24', '10.9.0.3/24', 'fd09::2/64', 'fd09::3/64']],
        [peer, ['10.9.0.1/24', '10.50.0.1/32', 'fd09::1/64', 'fd50::1/128']],
      ] as const) {
        inNamespace(pid, 'ip', 'link', 'set', 'lo', 'up');
        inNamespace(pid, 'ip', 'link', 'set', 'eth0', 'up');
        for (const address of addresses) {
          const flags = address.includes(':') ? ['nodad'] : [];
          // Else IPv6 would take the newest address for connections that name none.
          if (address.startsWith('fd09::3')) flags.push('preferred_lft', '0');
          inNamespace(pid, 'ip', 'address', 'add', address, 'dev', 'eth0', ...flags);
        }
      }
      inNamespace(pod, 'ip', 'route', 'add', 'default', 'via', '10.9.0.1');
      inNamespace(pod, 'ip', '-6', 'route', 'add', 'default', 'via', 'fd09::1');
      await Promise.all(
        (
          [
            [pod, 'pod', POD_PORTS],
            [peer, 'peer', PEER_PORTS],
          ] as const
        ).map(async ([pid, namespace, ports]) => {
          const listener = spawn(ENTER, [
            ...['-t', String(pid), '-n', process.execPath, '--input-type=module', '-e', LISTENER],
            ...[namespace, ...ports.map(String)],
          ]);
          children.push(listener);
          listener.stderr.pipe(process.stderr);
          await once(listener.stdout, 'data');
        }),
      );
      const machine: Machine = {
        run(program, args, input) {
          if (!program.includes(backend)) return { status: 1, stdout: '', stderr: 'not this one' };
          const done = spawnSync(ENTER, ['-t', String(pod), '-n', program, ...args], {
            input,
            encoding: 'utf8',
          });
          return { status: done.status ?? 1, stdout: done.stdout, stderr: done.stderr };
        },
        readProc: (path) => readFileSync(`/proc/${pod}/${path.replace('self/', '')}`, 'utf8'),
      };
      // Twice: a restarted init container must leave the same rules.
      installRules({ ...exclusions, sidecar }, machine, silentLog());
      installRules({ ...exclusions, sidecar }, machine, silentLog());
    });

    after(async () => {
      for (const child of children) {
        const ended = once(child, 'close');
        child.stdin?.end();
        await ended;
      }
    });

    for (const [family, title] of ['IPv4', 'IPv6'].entries()) {
      for (const from of ['application', 'sidecar', 'peer'] as const) {
        test(`${title} from the ${from}`, async () => {
          const wanted = connections.filter((connection) => connection.from === from);
          const found = await reach(
            from,
            wanted.map(({ to }) => ({ host: String(to[family]), port: to[2] })),
          );
          assert.deepEqual(
            wanted.map(({ name }, index) => `${name}: ${found[index]}`),
            wanted.map(({ name, arrivesAt }) => `${name}: ${arrivesAt}`),
          );
        });
      }

      test(`${title} UDP passes untouched`, async () => {
        const host = family === 0 ? '10.9.0.1' : 'fd09::1';
        assert.deepEqual(await reach('application', [{ host, udp: true }]), ['peer dns']);
      });
    }
  });
}

/** Why this machine cannot run the test; false when it can. */
function whyNot(): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  for (const program of ['iptables-nft-restore', 'iptables-legacy-restore', 'nsenter', 'ip']) {
    if (spawnSync(program, ['-V']).error !== undefined) return `${program} is not installed`;
  }
  const tried = spawnSync(UNSHARE, ['--net', 'ip', 'link', 'set', 'lo', 'up']);
  return tried.status === 0 ? false : 'network namespaces are not allowed here';
}
