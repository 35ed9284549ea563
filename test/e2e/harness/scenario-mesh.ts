import { spawn } from 'node:child_process';
import { INJECT_LABEL } from '../../../proto/well-known.ts';
import { PodAgent } from '../scenarios/agent.ts';
import { type Manifest, NAMESPACE, nameOf } from '../scenarios/manifests.ts';
import type { Condition, ScenarioMesh } from '../scenarios/mesh.ts';
import type { Client } from '../scenarios/scenario.ts';
import { CLIENTS, namespaces, sharedManifests, VERSIONS } from '../scenarios/workloads.ts';
import { CommandError } from './command.ts';
import { reference, workloadImage } from './images.ts';
import { getJson, kubectl, rolledOut } from './kubectl.ts';
import { until } from './poll.ts';

/** What is read of any object's status. */
interface Judged {
  readonly metadata: { readonly generation?: number };
  readonly status?: {
    readonly conditions?: readonly ObservedCondition[];
    readonly parents?: readonly { readonly conditions: readonly ObservedCondition[] }[];
  };
}
interface EndpointSlices {
  readonly items: readonly {
    readonly metadata: { readonly labels?: Readonly<Record<string, string>> };
    readonly endpoints?: readonly { readonly conditions?: { readonly ready?: boolean } }[] | null;
  }[];
}
interface ObservedCondition extends Condition {
  readonly observedGeneration?: number;
}

/** Kinds of which the control plane says whether it takes them. */
const JUDGED_GROUPS = ['gateway.networking.k8s.io/', 'remora.dev/'];
const NOT_JUDGED = ['ReferenceGrant'];

/** Scenarios on a cluster: `kubectl apply`, and agents by `kubectl exec`. */
export class ClusterScenarioMesh implements ScenarioMesh {
  readonly #clients = new Map<Client, PodAgent>();
  #applied = new Map<string, Manifest>();
  #callees: readonly PodAgent[] | undefined;

  get callers(): readonly PodAgent[] {
    return [this.agent('client'), this.agent('consumer'), this.agent('restricted')];
  }

  callees(): Promise<readonly PodAgent[]> {
    this.#callees ??= VERSIONS.map((version) => agentIn(NAMESPACE, version));
    return Promise.resolve(this.#callees);
  }

  async start(services: readonly Manifest[]): Promise<void> {
    await this.#apply(namespaces({ [INJECT_LABEL]: 'enabled' }));
    const shared = sharedManifests(reference(await workloadImage()));
    await this.#apply([...shared, ...services]);
    const deployments = shared.filter(({ kind }) => kind === 'Deployment');
    await Promise.all(
      deployments.map(({ metadata }) =>
        rolledOut(metadata.namespace, `deployment/${metadata.name}`),
      ),
    );
    await endpointsReady([...shared, ...services]);
    for (const [name, { namespace }] of Object.entries(CLIENTS)) {
      this.#clients.set(name as Client, agentIn(namespace, name));
    }
  }

  async end(): Promise<void> {
    for (const agent of [...this.#clients.values(), ...(this.#callees ?? [])]) agent.end();
    if (process.env.E2E_KEEP === '1') return;
    const names = Object.values(CLIENTS).map(({ namespace }) => namespace);
    const args = ['delete', 'namespace', ...new Set(names), '--ignore-not-found'];
    await kubectl(args, { timeoutMs: 180_000 });
  }

  agent(client: Client): PodAgent {
    const agent = this.#clients.get(client);
    if (agent === undefined) throw new Error(`there is no client ${client}`);
    return agent;
  }

  /**
   * The watches of several kinds bring objects in any order: so the marker is applied
   * once the control plane has judged all others.
   */
  async set(objects: readonly Manifest[], marker: Manifest): Promise<void> {
    const next = new Map(objects.map((object) => [nameOf(object), object]));
    const gone = [...this.#applied].filter(([name]) => !next.has(name)).map(([, object]) => object);
    this.#applied = next;
    if (gone.length > 0) await kubectl(['delete', '-f', '-'], { input: listOf(gone) });
    if (objects.length > 0) await this.#apply(objects);
    await Promise.all(objects.filter(isJudged).map((object) => this.#judged(object)));
    await this.#apply([marker]);
  }

  async conditions(object: Manifest): Promise<readonly Condition[]> {
    const { metadata, status } = await this.#get(object);
    const all = [
      ...(status?.conditions ?? []),
      ...(status?.parents ?? []).flatMap(({ conditions }) => conditions),
    ];
    return all.filter(({ observedGeneration }) => observedGeneration === metadata.generation);
  }

  async refusal(object: Manifest): Promise<string | undefined> {
    try {
      await this.#apply([object]);
    } catch (error) {
      if (error instanceof CommandError) return error.message;
      throw error;
    }
    const conditions = await this.#judged(object);
    await kubectl(['delete', '-f', '-'], { input: listOf([object]) });
    return conditions.find(({ type, status }) => type === 'Accepted' && status === 'False')
      ?.message;
  }

  async #judged(object: Manifest): Promise<readonly Condition[]> {
    return await until(`${nameOf(object)} is judged`, async () => {
      const conditions = await this.conditions(object);
      return conditions.length > 0 ? conditions : undefined;
    });
  }

  async #get({ apiVersion, kind, metadata }: Manifest): Promise<Judged> {
    const [group = '', version = ''] = apiVersion.split('/');
    const resource = `${kind.toLowerCase()}.${version}.${group}`;
    return await getJson([resource, '-n', metadata.namespace, metadata.name]);
  }

  async #apply(objects: readonly object[]): Promise<void> {
    await kubectl(['apply', '-f', '-'], { input: listOf(objects) });
  }
}

/**
 * Waits until each Service that selects a version has it as a ready endpoint. A Deployment is
 * rolled out seconds before that where the EndpointSlice controller met a conflict and waits.
 */
async function endpointsReady(objects: readonly Manifest[]): Promise<void> {
  const expected = new Map<string, number>();
  for (const { kind, metadata, spec } of objects) {
    if (kind !== 'Service' || metadata.namespace !== NAMESPACE) continue;
    const { selector } = spec as { readonly selector?: Readonly<Record<string, string>> };
    if (selector === undefined) continue;
    const wanted = Object.entries(selector);
    const selected = VERSIONS.filter((version) => {
      const labels: Readonly<Record<string, string>> = { app: 'echo', version };
      return wanted.every(([name, value]) => labels[name] === value);
    });
    expected.set(metadata.name, selected.length);
  }
  await until('the Services of the scenarios have their endpoints', async () => {
    const slices = await getJson<EndpointSlices>(['endpointslices', '-n', NAMESPACE]);
    const ready = new Map<string, number>();
    for (const { metadata, endpoints } of slices.items) {
      const name = metadata.labels?.['kubernetes.io/service-name'] ?? '';
      const those = endpoints?.filter(({ conditions }) => conditions?.ready === true) ?? [];
      ready.set(name, (ready.get(name) ?? 0) + those.length);
    }
    const missing = [...expected].filter(([name, count]) => (ready.get(name) ?? 0) < count);
    if (missing.length === 0) return true;
    throw new Error(`not yet: ${missing.map(([name]) => name).join(', ')}`);
  });
}

function agentIn(namespace: string, workload: string): PodAgent {
  const target = ['exec', '-i', '-n', namespace, `deployment/${workload}`, '-c', 'app'];
  const child = spawn('kubectl', [...target, '--', 'node', '/programs/agent.mjs']);
  return new PodAgent(workload, child);
}

function isJudged({ apiVersion, kind }: Manifest): boolean {
  return JUDGED_GROUPS.some((group) => apiVersion.startsWith(group)) && !NOT_JUDGED.includes(kind);
}

function listOf(items: readonly object[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}
