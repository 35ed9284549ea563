import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKOUT } from '../../local/image-folders.ts';
import { NETWORK_PREFIX } from '../../local/namespace-node.ts';
import { INJECT_LABEL, PORT } from '../../proto/well-known.ts';
import { PodAgent } from '../e2e/scenarios/agent.ts';
import { type Manifest, nameOf } from '../e2e/scenarios/manifests.ts';
import type { Condition, ScenarioMesh } from '../e2e/scenarios/mesh.ts';
import type { Client } from '../e2e/scenarios/scenario.ts';
import { CLIENTS, namespaces, sharedManifests, VERSIONS } from '../e2e/scenarios/workloads.ts';
import { MeshProcesses } from '../protocols/mesh-processes.ts';
import { NamespaceShell } from '../protocols/namespace-shell.ts';
import { eventually, LocalMesh, processesOf, TestFolder } from './local-mesh.ts';

const PROGRAMS = join(CHECKOUT, 'test/e2e/fixtures/workloads/programs');
const IMAGE = 'scenarios';
const CONTROL_PLANE = `http://${NETWORK_PREFIX}.0.1:${PORT.controlPlaneAdmin}`;

/** What is read of the control plane's `/config_dump`. */
interface Dump {
  readonly problems: Readonly<Record<string, { readonly message: string }>>;
  readonly statuses: Readonly<
    Record<
      string,
      {
        readonly conditions?: readonly Condition[];
        readonly parents?: readonly { readonly conditions: readonly Condition[] }[];
      }
    >
  >;
}

/** Scenarios in local mode: manifests are files, agents run in the namespaces of the pods. */
export class LocalScenarioMesh implements ScenarioMesh {
  readonly #folder = new TestFolder();
  readonly #clients = new Map<Client, PodAgent>();
  #mesh: LocalMesh | undefined;
  #processes: MeshProcesses | undefined;
  #node: PodAgent | undefined;
  #callees: Promise<readonly PodAgent[]> | undefined;
  #refusals = 0;

  get callers(): readonly PodAgent[] {
    return [this.agent('client'), this.agent('consumer'), this.agent('restricted')];
  }

  callees(): Promise<readonly PodAgent[]> {
    this.#callees ??= Promise.all(VERSIONS.map((version) => this.#agentOf(version)));
    return this.#callees;
  }

  async start(services: readonly Manifest[]): Promise<void> {
    mkdirSync(this.#folder.manifests);
    const shared = [...sharedManifests(IMAGE), ...services];
    this.#write('shared', [...namespaces({ [INJECT_LABEL]: 'enabled' }), ...shared]);
    this.#folder.withImages({ [IMAGE]: PROGRAMS }, '/programs');
    const mesh = new LocalMesh(this.#folder);
    this.#mesh = mesh;
    const count = shared.filter(({ kind }) => kind === 'Deployment').length;
    await mesh.until('all pods ready', ({ pods }) => {
      return pods.length === count && pods.every(({ ready }) => ready);
    });
    this.#processes = new MeshProcesses(this.#folder);
    await Promise.all(
      Object.keys(CLIENTS).map(async (name) => {
        this.#clients.set(name as Client, await this.#agentOf(name));
      }),
    );
    const controlPlane = processesOf(this.#folder).find(
      ({ pid, command }) =>
        command.includes('control-plane/main.ts') && this.#processes?.has(pid) === true,
    );
    this.#node = this.#agentIn('the node', controlPlane?.pid);
  }

  async end(): Promise<void> {
    const callees = (await this.#callees) ?? [];
    for (const agent of [...this.#clients.values(), ...callees, this.#node]) agent?.end();
    await this.#mesh?.end();
    this.#folder.remove();
  }

  agent(client: Client): PodAgent {
    const agent = this.#clients.get(client);
    if (agent === undefined) throw new Error(`there is no client ${client}`);
    return agent;
  }

  /** One file, so that the marker is read together with everything else. */
  set(objects: readonly Manifest[], marker: Manifest): Promise<void> {
    this.#write('scenario', [...objects, marker]);
    return Promise.resolve();
  }

  async conditions(object: Manifest): Promise<readonly Condition[]> {
    const status = (await this.#dump()).statuses[nameOf(object)];
    return [
      ...(status?.conditions ?? []),
      ...(status?.parents ?? []).flatMap(({ conditions }) => conditions),
    ];
  }

  /** Not refused when nothing is said of it, and something is said of a later object that is wrong. */
  async refusal(object: Manifest): Promise<string | undefined> {
    const { namespace, name } = object.metadata;
    const said = `${object.kind} ${namespace}/${name}: `;
    this.#refusals += 1;
    const wrong = `wrong-${this.#refusals}`;
    const last = { kind: 'TrafficPolicy', metadata: { namespace, name: wrong } };
    const end = `TrafficPolicy ${namespace}/${wrong}: `;
    this.#write('refused', [object, { apiVersion: 'remora.dev/v1alpha1', ...last }]);
    let messages: string[] = [];
    await eventually(
      async () => {
        messages = Object.values((await this.#dump()).problems).map(({ message }) => message);
        return messages.some((message) => message.startsWith(end));
      },
      () => `a problem of ${end}; there are ${JSON.stringify(messages)}`,
    );
    this.#write('refused', []);
    return messages.find((message) => message.startsWith(said));
  }

  #write(name: string, objects: readonly object[]): void {
    const path = join(this.#folder.manifests, `${name}.yaml`);
    // JSON is YAML. Renamed, so that nobody reads half of it.
    writeFileSync(`${path}.new`, objects.map((object) => JSON.stringify(object)).join('\n---\n'));
    renameSync(`${path}.new`, path);
  }

  async #agentOf(workload: string): Promise<PodAgent> {
    const { pid = 0 } = (await this.#mesh?.container(workload, 'app')) ?? {};
    return this.#agentIn(workload, this.#processes?.outerPid(pid));
  }

  #agentIn(name: string, pid: number | undefined): PodAgent {
    if (pid === undefined) throw new Error(`${name} does not run`);
    const program = join(PROGRAMS, 'agent.mjs');
    return new PodAgent(name, new NamespaceShell(pid).spawn(process.execPath, [program]));
  }

  async #dump(): Promise<Dump> {
    if (this.#node === undefined) throw new Error('the mesh was not started');
    const { body, error, status } = await this.#node.read(`${CONTROL_PLANE}/config_dump`);
    if (status !== 200) throw new Error(`the control plane does not tell: ${error || status}`);
    return JSON.parse(body) as Dump;
  }
}
