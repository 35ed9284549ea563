import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { EnvReader } from '../runtime/env.ts';
import { describeError, MeshError } from '../runtime/errors.ts';
import { createLog, type Log } from '../runtime/log.ts';
import { type InterceptionOptions, interceptionRules, missingRules } from './iptables.ts';
import { type Family, parseCidrs, parsePorts } from './port-lists.ts';

/** A program that ran to its end. */
export interface ProgramResult {
  status: number;
  stdout: string;
  stderr: string;
}

/** What the installation touches of the machine; a parameter for tests. */
export interface Machine {
  run(program: string, args: readonly string[], input: string): ProgramResult;
  /** The text of a file below `/proc`; undefined when there is none. */
  readProc(path: string): string | undefined;
}

/** Both speak to the same kernel; which of them it was built for differs by node. */
const BACKENDS = ['nft', 'legacy'] as const;

const CAP_NET_ADMIN = 12n;

const NO_CAPABILITY =
  'remora-init lacks the capability NET_ADMIN, without which it cannot redirect the traffic of this pod to its sidecar. ' +
  'A policy of the cluster took it away (Pod Security "baseline" and "restricted" do, and so may Gatekeeper or Kyverno): ' +
  'let the container remora-init have NET_ADMIN and NET_RAW, or run the pod without a sidecar with the label remora.dev/inject: disabled';

/** Reads the rules that are wanted from the environment that the injector wrote into the pod. */
export function readInterceptionOptions(
  variables: Readonly<Record<string, string | undefined>>,
): InterceptionOptions {
  const env = new EnvReader(variables);
  const port = (name: string): number => {
    env.text(name);
    return env.integer(name, 1, { min: 1, max: 65535 });
  };
  const list = <T>(name: string, parse: (text: string) => T[]): T[] => {
    try {
      return parse(env.text(name, ''));
    } catch (error) {
      env.problem(`${name}: ${describeError(error)}`);
      return [];
    }
  };
  const addresses = list('REMORA_SIDECAR_SOURCE_ADDRESSES', parseCidrs);
  const uid = env.integer('REMORA_SIDECAR_UID', 0, { min: 1, max: 2 ** 32 - 2 });
  if (addresses.length === 0 && uid === 0) env.text('REMORA_SIDECAR_UID');
  const options: InterceptionOptions = {
    outboundPort: port('REMORA_OUTBOUND_PORT'),
    inboundPort: port('REMORA_INBOUND_PORT'),
    sidecar: addresses.length > 0 ? { by: 'source-address', addresses } : { by: 'uid', uid },
    excludedInboundPorts: list('REMORA_EXCLUDE_INBOUND_PORTS', parsePorts),
    excludedOutboundPorts: list('REMORA_EXCLUDE_OUTBOUND_PORTS', parsePorts),
    excludedOutboundCidrs: list('REMORA_EXCLUDE_OUTBOUND_CIDRS', parseCidrs),
  };
  env.throwIfBad();
  return options;
}

/**
 * Writes the rules of each address family that the pod has, and reads them back.
 *
 * @throws MeshError `no-net-admin`, `rules-refused`: the pod must not start, for
 * it would be outside the mesh and look as if it were inside.
 */
export function installRules(options: InterceptionOptions, machine: Machine, log: Log): void {
  if (!hasNetAdmin(machine)) throw new MeshError('no-net-admin', NO_CAPABILITY);
  log.info({ family: 'ipv4', backend: installFamily('ipv4', options, machine) }, 'rules in place');
  const scope = ipv6Scope(machine);
  if (scope === 'none') return;
  try {
    const backend = installFamily('ipv6', options, machine);
    log.info({ family: 'ipv6', backend }, 'rules in place');
  } catch (error) {
    if (scope === 'global') throw error;
    log.warn(
      { error: describeError(error) },
      'no rules for IPv6; the pod has link-local addresses only, which Services never use',
    );
  }
}

function installFamily(family: Family, options: InterceptionOptions, machine: Machine): string {
  const failures: string[] = [];
  for (const backend of BACKENDS) {
    const prefix = `${family === 'ipv6' ? 'ip6tables' : 'iptables'}-${backend}`;
    const save = (): string => call(machine, `${prefix}-save`, ['-t', 'nat'], '');
    try {
      const rules = interceptionRules(family, options, save());
      call(machine, `${prefix}-restore`, ['--noflush'], rules);
      const missing = missingRules(save(), rules);
      if (missing.length === 0) return backend;
      failures.push(`${prefix}: the rules were taken and are not there: ${missing.join(', ')}`);
    } catch (error) {
      failures.push(describeError(error));
    }
  }
  throw new MeshError(
    'rules-refused',
    `cannot redirect ${family} traffic to the sidecar: neither form of iptables works on this node. ${failures.join('; ')}`,
  );
}

function call(machine: Machine, program: string, args: readonly string[], input: string): string {
  const result = machine.run(program, args, input);
  if (result.status === 0) return result.stdout;
  const reason = result.stderr.trim().replace(/\s*\n\s*/g, ', ');
  throw new MeshError(
    'rules-refused',
    `${program} ended with status ${result.status}: ${reason || 'without a word'}`,
  );
}

/** True also where nobody can tell: then iptables itself says what it lacks. */
function hasNetAdmin(machine: Machine): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(machine.readProc('self/status') ?? '')?.[1];
  return effective === undefined || ((BigInt(`0x${effective}`) >> CAP_NET_ADMIN) & 1n) === 1n;
}

/** How far the pod's IPv6 addresses reach. Each line: address, index, prefix, scope, flags, device. */
function ipv6Scope(machine: Machine): 'none' | 'link' | 'global' {
  let scope: 'none' | 'link' | 'global' = 'none';
  for (const line of (machine.readProc('net/if_inet6') ?? '').split('\n')) {
    const fields = line.trim().split(/\s+/);
    if (fields.length < 6 || fields[5] === 'lo') continue;
    if (fields[3] === '00') return 'global';
    scope = 'link';
  }
  return scope;
}

/** The machine on which this process runs. */
export const thisMachine: Machine = {
  run(program, args, input) {
    const { status, signal, stdout, stderr, error } = spawnSync(program, args, {
      input,
      encoding: 'utf8',
      timeout: 30_000,
      // The root file system is read-only, and nobody else writes rules in this pod.
      env: { ...process.env, XTABLES_LOCKFILE: '/dev/shm/remora-xtables.lock' },
    });
    if (error !== undefined) return { status: 127, stdout: '', stderr: describeError(error) };
    return { status: status ?? 128, stdout, stderr: signal === null ? stderr : `got ${signal}` };
  },
  readProc(path) {
    try {
      return readFileSync(`/proc/${path}`, 'utf8');
    } catch {
      return undefined;
    }
  },
};

function main(): void {
  const log = createLog('init');
  try {
    installRules(readInterceptionOptions(process.env), thisMachine, log);
  } catch (error) {
    log.fatal({ error: describeError(error) }, 'the pod cannot join the mesh');
    process.exitCode = 1;
  }
}

if (import.meta.main) main();
