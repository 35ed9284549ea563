import { describeError } from '../runtime/errors.ts';
import { CommandError, runCommand } from './command.ts';
import type { SidecarIdentification } from './namespace-node.ts';

/** How pods are run on this machine. */
export type Mode =
  | {
      readonly kind: 'namespaces';
      /** Before the supervisor's own command: makes the namespaces in which the node lives. */
      readonly enter: readonly string[];
      readonly identification: SidecarIdentification;
      /** True when it took a user namespace. */
      readonly unprivileged: boolean;
    }
  | {
      readonly kind: 'loopback';
      /** Why it is not namespaces; empty when loopback was asked for. */
      readonly reasons: readonly string[];
    };

/** The node's namespaces. All processes in them end with the first: then nothing is left. */
const ISOLATE = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];

/** Each step is named before it is tried, so that the last name printed is the one that failed. */
const TRIAL = `set -e
step() { echo "step:$1"; }
step "making a bridge with ip"
ip link set lo up
ip link add remora0 type bridge
step "making a pod's namespaces with unshare"
unshare --net --mount --uts -- sleep 10 &
pod=$!
sleep 0.1
step "connecting it with a veth pair"
ip link add remora-1 type veth peer name eth0 netns $pod
ip link set remora-1 master remora0
step "entering it with nsenter"
nsenter --net=/proc/$pod/ns/net --mount=/proc/$pod/ns/mnt --uts=/proc/$pod/ns/uts --wd=/ -- ip link set eth0 up
step "forwarding packets"
echo 1 > /proc/sys/net/ipv4/ip_forward
step "writing rules with iptables (REDIRECT, DNAT, statistic)"
iptables-restore --noflush <<RULES
*nat
-A OUTPUT -d 10.199.128.1 -p tcp --dport 80 -m statistic --mode random --probability 0.5 -j DNAT --to-destination 10.199.0.2:80
-A OUTPUT -p tcp -j REDIRECT --to-ports 15001
COMMIT
RULES
if [ "$1" = uid ]; then
  step "matching the owner of a socket with iptables"
  iptables -t nat -I OUTPUT -m owner --uid-owner 15137 -j RETURN
  step "changing to the sidecar's user with setpriv"
  setpriv --reuid=15137 --regid=15137 --clear-groups --inh-caps=+dac_read_search --ambient-caps=+dac_read_search true
fi
kill $pod
`;

interface Attempt {
  readonly name: string;
  readonly enter: readonly string[];
  readonly identification: SidecarIdentification;
  readonly unprivileged: boolean;
}

/** Finds out by trying, in namespaces of their own, what this machine allows. */
export async function findMode(wantsLoopback: boolean): Promise<Mode> {
  if (wantsLoopback) return { kind: 'loopback', reasons: [] };
  if (process.platform !== 'linux') {
    const reason = `${process.platform} has no network namespaces; for the full mode run it on Linux, for example in a virtual machine`;
    return { kind: 'loopback', reasons: [reason] };
  }
  const reasons: string[] = [];
  for (const attempt of attempts(process.getuid?.() === 0)) {
    const failure = await tryOut(attempt);
    if (failure === undefined) {
      const { enter, identification, unprivileged } = attempt;
      return { kind: 'namespaces', enter, identification, unprivileged };
    }
    reasons.push(`${attempt.name}: ${failure}`);
  }
  return { kind: 'loopback', reasons };
}

function attempts(isRoot: boolean): Attempt[] {
  const asRoot = ['unshare', ...ISOLATE, '--'];
  const asUser = ['unshare', '--user', '--map-root-user', ...ISOLATE, '--'];
  if (!isRoot) {
    const name = 'without root, by user namespaces';
    return [{ name, enter: asUser, identification: 'address', unprivileged: true }];
  }
  return [
    { name: 'as root', enter: asRoot, identification: 'uid', unprivileged: false },
    {
      name: 'as root of a single user',
      enter: asRoot,
      identification: 'address',
      unprivileged: false,
    },
    { name: 'by user namespaces', enter: asUser, identification: 'address', unprivileged: true },
  ];
}

/** Undefined when all went well; else what failed, why, and what would help. */
async function tryOut({ enter, identification }: Attempt): Promise<string | undefined> {
  const [command = 'unshare', ...args] = enter;
  try {
    // One stream, so that a step's name stands before what it says.
    await runCommand(command, [...args, 'sh', '-c', `exec 2>&1\n${TRIAL}`, 'sh', identification]);
    return undefined;
  } catch (error) {
    return explainFailure(error instanceof CommandError ? error.said : describeError(error));
  }
}

/** Turns what the trial said into what a person can do about it. */
export function explainFailure(said: string): string {
  const step = [...said.matchAll(/step:(.*?)(?:; |$)/g)].at(-1);
  if (step === undefined) {
    if (/ENOENT/.test(said)) return 'there is no unshare: install util-linux';
    return `unshare is not allowed (${brief(said)}). ${HOW_TO_ALLOW}`;
  }
  const words = said.slice(step.index + step[0].length);
  const missing = /(\S+): (?:command )?not found/.exec(words)?.[1]?.replace(/:$/, '');
  if (missing !== undefined) {
    const bundle = PACKAGES[missing] ?? missing;
    return `there is no ${missing}: install the package ${bundle}`;
  }
  return `${step[1]} failed (${brief(words)}). ${HOW_TO_ALLOW}`;
}

const PACKAGES: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  'iptables-restore': 'iptables',
  iptables: 'iptables',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  setpriv: 'util-linux',
};

const HOW_TO_ALLOW =
  'For the full mode run it as root; in a container, with all capabilities (--privileged); as a user on Ubuntu, after "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"';

function brief(text: string): string {
  const line = text.replace(/step:[^;]*;?/g, '').trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line || 'without a word';
}
