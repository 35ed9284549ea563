import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, realpathSync } from 'node:fs';
import { chown, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { SIDECAR_UID } from '../proto/well-known.ts';
import type { SocketAddress } from '../runtime/env.ts';
import { MeshError } from '../runtime/errors.ts';
import { runCommand, systemPath } from './command.ts';
import type { PodNetwork, PodNetworkRequest, PodProcess } from './local-node.ts';
import type { SidecarIdentification } from './namespace-node.ts';

export interface NamespacePodOptions {
  request: PodNetworkRequest;
  /** Counts from 1; gives the addresses and the name of the interface. */
  number: number;
  prefix: string;
  bridge: string;
  gateway: string;
  identification: SidecarIdentification;
}

/**
 * Runs first in the pod's namespaces and keeps them: names the host, lays the
 * pod's own files over the machine's (pairs of arguments), then waits for ever.
 */
const PAUSE = `set -e
hostname "$1" 2>/dev/null || true
echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 2>/dev/null || true
shift
while [ $# -gt 0 ]; do mount --bind "$1" "$2"; shift 2; done
echo ready
exec sleep 2147483647`;

/** A pod in namespaces of its own: network, mounts, host name. They vanish with its last process. */
export class NamespacePod implements PodNetwork {
  readonly address: string;
  readonly intercepts = true;
  readonly annotations = {};
  readonly sidecarEnv: Record<string, string>;
  readonly rulesEnv: Record<string, string>;
  readonly #options: NamespacePodOptions;
  /** Of the sidecar's own connections, where its user does not tell them. */
  readonly #sourceAddress: string | undefined;
  #pause: ChildProcess | undefined;

  constructor(options: NamespacePodOptions) {
    const { number, prefix, gateway, identification } = options;
    this.#options = options;
    const [third, fourth] = [Math.floor(number / 250), (number % 250) + 2];
    this.address = `${prefix}.${third}.${fourth}`;
    this.#sourceAddress =
      identification === 'address' ? `${prefix}.${64 + third}.${fourth}` : undefined;
    this.sidecarEnv =
      this.#sourceAddress === undefined ? {} : { REMORA_SOURCE_ADDRESS: this.#sourceAddress };
    this.rulesEnv =
      this.#sourceAddress === undefined
        ? {}
        : {
            REMORA_SIDECAR_SOURCE_ADDRESSES: this.#sourceAddress,
            // The stream to the control plane is not bound to that address.
            REMORA_EXCLUDE_OUTBOUND_CIDRS: `${gateway}/32`,
          };
  }

  applicationEnv(): Record<string, string> {
    return {};
  }

  realPort(containerPort: number): number {
    return containerPort;
  }

  reach(containerPort: number): SocketAddress {
    return { host: this.address, port: containerPort };
  }

  async start(): Promise<void> {
    const { request, number, bridge, gateway } = this.#options;
    const hostname = request.pod.spec.hostname ?? request.name;
    const pause = spawn(
      'unshare',
      [
        ...['--net', '--mount', '--uts', '--', 'sh', '-c', PAUSE, 'pause', hostname.slice(0, 63)],
        ...(await this.#writeFiles(hostname)),
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: systemPath() }, detached: true },
    );
    this.#pause = pause;
    await untilReady(pause);
    const link = `remora-${number}`;
    await runCommand('ip', ['-batch', '-'], {
      input: [
        `link add ${link} type veth peer name eth0 netns ${pause.pid}`,
        `link set ${link} master ${bridge} up`,
        '',
      ].join('\n'),
    });
    const second = this.#sourceAddress;
    await runCommand('nsenter', [`--net=/proc/${pause.pid}/ns/net`, '--', 'ip', '-batch', '-'], {
      input: [
        'link set lo up',
        `address add ${this.address}/32 dev eth0`,
        ...(second === undefined ? [] : [`address add ${second}/32 dev eth0`]),
        'link set eth0 up',
        `route add ${gateway}/32 dev eth0 scope link src ${this.address}`,
        `route add default via ${gateway} dev eth0 src ${this.address}`,
        '',
      ].join('\n'),
    });
    await this.#letProbesPass(pause.pid);
  }

  /**
   * Probes come from the node. They ask the program itself: the sidecar would
   * take any connection, and count what is nobody's traffic.
   */
  async #letProbesPass(pid: number | undefined): Promise<void> {
    await runCommand(
      'nsenter',
      [`--net=/proc/${pid}/ns/net`, '--', 'iptables-restore', '--noflush'],
      {
        input: `*nat\n-A PREROUTING -s ${this.#options.gateway}/32 -p tcp -j RETURN\nCOMMIT\n`,
      },
    );
  }

  spawn({ command, env, role, output }: PodProcess): ChildProcess {
    const pid = this.#pause?.pid;
    if (pid === undefined) throw new MeshError('pod-gone', 'the pod has no namespaces any more');
    const namespaces = ['net', 'mnt', 'uts'].map(
      (kind) => `--${{ net: 'net', mnt: 'mount', uts: 'uts' }[kind]}=/proc/${pid}/ns/${kind}`,
    );
    const ownUser = role === 'sidecar' && this.#sourceAddress === undefined ? OWN_USER : [];
    return spawn(
      'nsenter',
      [
        ...namespaces,
        `--wd=${command.workingFolder}`,
        '--',
        ...ownUser,
        command.command,
        ...command.args,
      ],
      { stdio: ['ignore', output, output], detached: true, env: { ...BASE_ENV(), ...env } },
    );
  }

  async stop(): Promise<void> {
    const pause = this.#pause;
    this.#pause = undefined;
    if (pause === undefined || pause.exitCode !== null || pause.signalCode !== null) return;
    const ended = once(pause, 'exit');
    pause.kill('SIGKILL');
    await ended;
  }

  /** The files that differ in this pod, each with the one over which it is laid. */
  async #writeFiles(hostname: string): Promise<string[]> {
    const { request, gateway } = this.#options;
    const { namespace, folder } = request;
    await mkdir(folder, { recursive: true });
    const files: Record<string, string> = {
      '/etc/resolv.conf':
        `nameserver ${gateway}\n` +
        `search ${namespace}.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n`,
      '/etc/hosts': `127.0.0.1 localhost\n${this.address} ${hostname}\n`,
      // Some systems ask a resolver of their own before any name server.
      '/etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
    };
    const pairs: string[] = [];
    for (const [path, text] of Object.entries(files)) {
      const target = existsSync(path) ? realpathSync(path) : undefined;
      if (target === undefined) continue;
      const own = join(folder, path.slice(1).replaceAll('/', '-'));
      await writeFile(own, text);
      pairs.push(own, target);
    }
    return pairs;
  }
}

/**
 * The sidecar's user, as in a cluster. It may read files that belong to others
 * (a checkout in root's home), which its image would hold in a cluster.
 */
const OWN_USER = [
  'setpriv',
  `--reuid=${SIDECAR_UID}`,
  `--regid=${SIDECAR_UID}`,
  '--clear-groups',
  '--inh-caps=+dac_read_search',
  '--ambient-caps=+dac_read_search',
];

/** A folder that the sidecar's user can write, where it has one of its own. */
export async function giveToSidecar(
  path: string,
  identification: SidecarIdentification,
): Promise<void> {
  if (identification === 'uid') await chown(path, SIDECAR_UID, SIDECAR_UID);
}

function BASE_ENV(): Record<string, string> {
  return { PATH: `${dirname(process.execPath)}:${systemPath()}`, HOME: process.env.HOME ?? '/' };
}

async function untilReady(pause: ChildProcess): Promise<void> {
  const { stdout, stderr } = pause;
  if (stdout === null || stderr === null) throw new MeshError('pod-failed', 'no pipe to the pod');
  let said = '';
  stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ready = new Promise<void>((resolve) => {
    createInterface(stdout).on('line', (line) => {
      if (line === 'ready') resolve();
    });
  });
  const ended = once(pause, 'close').then(() => {
    throw new MeshError('pod-failed', `the pod's namespaces could not be made: ${said.trim()}`);
  });
  await Promise.race([ready, ended]);
  // From here on its end is the business of stop.
  ended.catch(() => {});
}
