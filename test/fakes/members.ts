import { ManualClock } from '../../runtime/clock.ts';
import type { Dialer } from '../../sidecar/upstream/dialer.ts';
import { Member } from '../../sidecar/upstream/member.ts';

const dialer: Dialer = { dial: () => Promise.reject(new Error('not called')) };

/** An endpoint of a cluster that nobody connects to. */
export function memberAt(address: string, zone = ''): Member {
  const workload = {
    ...{ address, pod: address, namespace: 'shop', workload: 'cart', serviceAccount: 'cart' },
    ...{ node: '', zone, trunkPort: 0 },
  };
  return new Member({
    endpoint: { address, ports: new Map(), workload },
    ...{ port: 80, dialer, hasBreaker: false, remote: true, clock: new ManualClock() },
    owner: { usableChanged: () => {}, streamsFreed: () => {}, dialFailed: () => {} },
  });
}
