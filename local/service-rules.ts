import { isServing, type ServedService } from './services.ts';

const SERVICES = 'REMORA_SERVICES';
const WITHOUT_BACKENDS = 'REMORA_NO_BACKENDS';

/** Written once: from then on `serviceRules` replaces what is in the chains. */
export function serviceJumps(): string {
  return [
    '*nat',
    `:${SERVICES} - [0:0]`,
    `-A PREROUTING -j ${SERVICES}`,
    `-A OUTPUT -j ${SERVICES}`,
    'COMMIT',
    '*filter',
    `:${WITHOUT_BACKENDS} - [0:0]`,
    `-A FORWARD -j ${WITHOUT_BACKENDS}`,
    `-A OUTPUT -j ${WITHOUT_BACKENDS}`,
    'COMMIT',
    '',
  ].join('\n');
}

/**
 * Cluster IPs as kube-proxy makes them: a new connection goes to one of the
 * service's pods, each with the same chance; without pods it is refused. Input
 * of `iptables-restore --noflush`, which swaps all rules at once. Pure.
 */
export function serviceRules(services: readonly ServedService[]): string {
  const nat: string[] = [];
  const refused: string[] = [];
  for (const service of services) {
    if (service.clusterIp === undefined) continue;
    for (const { port, protocol } of service.ports) {
      if (protocol !== 'TCP' && protocol !== 'UDP') continue;
      const to = `-d ${service.clusterIp}/32 -p ${protocol.toLowerCase()} --dport ${port}`;
      const targets = service.backends.flatMap((backend) => {
        const target = backend.targets.get(port);
        const serving = target !== undefined && isServing(service, backend);
        return serving ? [`${backend.pod.address}:${target}`] : [];
      });
      targets.forEach((target, index) => {
        const left = targets.length - index;
        // Asked in turn, 1/3, 1/2 and 1 give each of three a third.
        const chance =
          left === 1 ? '' : ` -m statistic --mode random --probability ${(1 / left).toFixed(8)}`;
        nat.push(`-A ${SERVICES} ${to}${chance} -j DNAT --to-destination ${target}`);
      });
      if (targets.length === 0) {
        refused.push(`-A ${WITHOUT_BACKENDS} ${to} -j REJECT --reject-with icmp-port-unreachable`);
      }
    }
  }
  return [
    '*nat',
    `:${SERVICES} - [0:0]`,
    ...nat,
    'COMMIT',
    '*filter',
    `:${WITHOUT_BACKENDS} - [0:0]`,
    ...refused,
    'COMMIT',
    '',
  ].join('\n');
}
