import type { Answer, SrvAnswer } from 'dns-packet';
import { isServing, type ServedPod, type ServedService } from './services.ts';

const TTL_SECONDS = 1;

/** What a name holds. */
interface Name {
  addresses: Set<string>;
  /** Of a service of type ExternalName. */
  alias: string | undefined;
  services: { port: number; target: string }[];
}

/** The answer to one question; no answers with `exists` means: nothing of that type. */
export interface Lookup {
  readonly exists: boolean;
  readonly answers: readonly Answer[];
}

/**
 * Names as a cluster's DNS gives them (kubernetes/dns specification 1.1): services,
 * headless services, their pods by host name, SRV records of named ports, and
 * pods by address.
 */
export class DnsZone {
  readonly #domain: string;
  #names = new Map<string, Name>();

  constructor(domain: string) {
    this.#domain = domain;
  }

  update(services: readonly ServedService[]): void {
    const names = new Map<string, Name>();
    const at = (name: string): Name => {
      let found = names.get(name);
      if (found === undefined) {
        found = { addresses: new Set(), alias: undefined, services: [] };
        names.set(name, found);
      }
      return found;
    };
    at(this.#domain);
    for (const service of services) {
      const base = `${service.name}.${service.namespace}.svc.${this.#domain}`;
      const record = at(base);
      const { externalName } = service.object.spec;
      if (externalName !== undefined) record.alias = externalName.replace(/\.$/, '');
      if (service.clusterIp !== undefined) record.addresses.add(service.clusterIp);
      const srv = (name: string, protocol: string, port: number, target: string): void => {
        if (name === '') return;
        at(`_${name}._${protocol.toLowerCase()}.${base}`).services.push({ port, target });
      };
      if (service.clusterIp !== undefined) {
        for (const { name, port, protocol } of service.ports) srv(name, protocol, port, base);
        continue;
      }
      for (const backend of service.backends) {
        if (!isServing(service, backend)) continue;
        const { pod } = backend;
        const own = `${hostLabel(pod, service)}.${base}`;
        record.addresses.add(pod.address);
        at(own).addresses.add(pod.address);
        for (const { name, port, protocol } of service.ports) {
          srv(name, protocol, backend.targets.get(port) ?? port, own);
        }
      }
    }
    this.#names = names;
  }

  /** True for names that are ours alone to answer. */
  holds(name: string): boolean {
    return name === this.#domain || name.endsWith(`.${this.#domain}`);
  }

  /** @param asked in any case, without the final dot */
  lookup(asked: string, type: string): Lookup {
    const name = asked.toLowerCase();
    const found = this.#names.get(name) ?? this.#podByAddress(name);
    if (found === undefined) {
      // A name with names below it exists, though it has no records.
      const inside = [...this.#names.keys()].some((known) => known.endsWith(`.${name}`));
      return { exists: inside, answers: [] };
    }
    const answers: Answer[] = [];
    if (found.alias !== undefined) {
      answers.push({ type: 'CNAME', name: asked, ttl: TTL_SECONDS, data: found.alias });
      const target = this.#names.get(found.alias.toLowerCase());
      if (target !== undefined && type === 'A') answers.push(...addresses(found.alias, target));
    } else if (type === 'A') {
      answers.push(...addresses(asked, found));
    } else if (type === 'SRV') {
      for (const data of found.services) {
        const answer: SrvAnswer = { type: 'SRV', name: asked, ttl: TTL_SECONDS, data };
        answers.push(answer);
      }
    }
    return { exists: true, answers };
  }

  /** `10-199-0-5.shop.pod.cluster.local` says its own address. */
  #podByAddress(name: string): Name | undefined {
    const suffix = `.pod.${this.#domain}`;
    if (!name.endsWith(suffix)) return undefined;
    const match = /^(\d{1,3})-(\d{1,3})-(\d{1,3})-(\d{1,3})\.[a-z0-9-]+$/.exec(
      name.slice(0, -suffix.length),
    );
    if (match === null || match.slice(1).some((octet) => Number(octet) > 255)) return undefined;
    return { addresses: new Set([match.slice(1).join('.')]), alias: undefined, services: [] };
  }
}

/** The pod's host name under its headless service, or its address with dashes. */
function hostLabel(pod: ServedPod, service: ServedService): string {
  const named = pod.hostname !== '' && pod.subdomain === service.name;
  return named ? pod.hostname : pod.address.replaceAll('.', '-');
}

function addresses(name: string, record: Name): Answer[] {
  const all = [...record.addresses];
  // In another order each time, as clients that take the first expect.
  const start = all.length === 0 ? 0 : Math.floor(Math.random() * all.length);
  return [...all.slice(start), ...all.slice(0, start)].map((data) => ({
    type: 'A',
    name,
    ttl: TTL_SECONDS,
    data,
  }));
}
