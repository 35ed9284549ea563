import { isDeepStrictEqual } from 'node:util';
import { PORT as MESH_PORT } from '../../../proto/well-known.ts';
import { parseMetrics } from '../../protocols/carriage.ts';
import type { PodAgent } from './agent.ts';
import { judge, judgeCount, judgeReceived } from './judge.ts';
import { httpRoute, type Manifest, NAMESPACE, nameOf } from './manifests.ts';
import type { ScenarioMesh } from './mesh.ts';
import type {
  Client,
  ExplainStep,
  LoadStep,
  MetricStep,
  Received,
  Request,
  Result,
  Scenario,
  SeenStep,
  SendStep,
  StatusStep,
  Step,
  WebSocketStep,
} from './scenario.ts';
import { describeResults, describeStep, StepFailure } from './story.ts';
import { controlServiceName, MARKER } from './workloads.ts';

/** How long something may take that takes its time. */
const PATIENCE_MS = 20_000;
const POLL_MS = 50;

/** What is read of a sidecar's explanation. */
interface Explanation {
  readonly outcome: string;
  readonly rules: readonly { readonly rule: string; readonly verdict: string }[];
}

/** Plays scenarios in a mesh, one after the other. */
export class ScenarioPlayer {
  readonly #mesh: ScenarioMesh;
  /** Of the scenario that is played, by name. */
  #objects = new Map<string, Manifest>();
  /** Whose sidecars have to know what is applied. */
  #concerned: readonly PodAgent[] = [];
  #markers = 0;
  #names = 0;

  constructor(mesh: ScenarioMesh) {
    this.#mesh = mesh;
  }

  /** Once, before any scenario: from then on sidecars tell which configuration they have. */
  async start(scenarios: readonly Scenario[]): Promise<void> {
    // There from the beginning: a new Service takes longer than a new route.
    const services = scenarios.flatMap(({ apply = [] }) => apply.filter(isService));
    await this.#mesh.start(services);
    this.#concerned = this.#mesh.callers;
    await this.#subscribe();
    await this.#set(new Map());
  }

  /** @throws StepFailure */
  async play({ name, apply = [], enforcedBy, steps }: Scenario): Promise<void> {
    try {
      this.#concerned = this.#mesh.callers;
      if (enforcedBy === 'callees') {
        this.#concerned = [...this.#concerned, ...(await this.#mesh.callees())];
        await this.#subscribe();
      }
      await this.#set(byName(apply.filter((object) => !isService(object))));
      await this.#take(steps, []);
    } catch (error) {
      throw error instanceof StepFailure ? error.in(name) : error;
    }
  }

  async end(): Promise<void> {
    await this.#mesh.end();
  }

  /** A sidecar is told of what it uses. */
  async #subscribe(): Promise<void> {
    await Promise.all(this.#concerned.map((agent) => agent.read(`http://${MARKER}.${NAMESPACE}/`)));
  }

  async #take(steps: readonly Step[], path: readonly number[]): Promise<void> {
    for (const [i, step] of steps.entries()) {
      const place = [...path, i + 1];
      const complaints = await this.#step(step, place);
      if (complaints.length > 0) {
        throw new StepFailure(
          place.join('.'),
          describeStep(step),
          complaints,
          await this.#explain(step),
        );
      }
    }
  }

  /** What is wrong. */
  async #step(step: Step, place: readonly number[]): Promise<readonly string[]> {
    switch (step.kind) {
      case 'send':
        return await this.#send(step);
      case 'change': {
        const next = new Map([...this.#objects, ...byName(step.apply)]);
        for (const object of step.remove) next.delete(nameOf(object));
        await this.#set(next);
        return [];
      }
      case 'changes':
        for (let n = 1; n <= step.count; n += 1) {
          await this.#set(new Map([...this.#objects, ...byName(step.apply(n))]));
        }
        return [];
      case 'load':
        return await this.#load(step, place);
      case 'webSocket':
        return await this.#webSocket(step, place);
      case 'status':
        return await this.#status(step);
      case 'refused': {
        const said = await this.#mesh.refusal(step.object);
        if (said === undefined) return ['it was not refused'];
        return step.message.test(said) ? [] : [`expected ${step.message}, got: ${said}`];
      }
      case 'seen':
        return await this.#seen(step);
      case 'explain':
        return await this.#explained(step);
      case 'metric':
        return await this.#metric(step);
    }
  }

  async #send(step: SendStep): Promise<readonly string[]> {
    const agent = this.#mesh.agent(step.from);
    let results: readonly Result[] = [];
    const look = async (): Promise<readonly string[]> => {
      results = await agent.send(step);
      return judge(step.expected, results);
    };
    const complaints = step.eventually ? await untilNone(look) : await look();
    return complaints.length === 0 ? [] : [...complaints, `got: ${describeResults(results)}`];
  }

  async #load(step: LoadStep, place: readonly number[]): Promise<readonly string[]> {
    const agent = this.#mesh.agent(step.from);
    const load = this.#newName();
    await agent.startLoad(load, step.request, step.perSecond);
    const during = await settled(this.#take(step.during, place));
    const { results, failures, sent } = await agent.stopLoad(load);
    if (during !== undefined) throw during;
    const complaints = [...new Set([...Object.keys(step.expected), ...Object.keys(results)])]
      .map((key) => judgeCount(`"${key}"`, step.expected[key] ?? 0, results[key] ?? 0))
      .filter((complaint) => complaint !== undefined);
    if (complaints.length === 0) return [];
    const all = `of ${sent} requests: ${JSON.stringify(results)}`;
    return [...complaints, all, `the first that failed: ${JSON.stringify(failures)}`];
  }

  async #webSocket(step: WebSocketStep, place: readonly number[]): Promise<readonly string[]> {
    const agent = this.#mesh.agent(step.from);
    const socket = this.#newName();
    const opened = await agent.openWebSocket(socket, step.url);
    if (opened.status !== 101) return [`expected 101, got ${opened.status} ${opened.error}`];
    let over = false;
    let complaint: string | undefined;
    const talk = async (): Promise<void> => {
      for (let n = 1; !over && complaint === undefined; n += 1) {
        const text = `message ${n}`;
        const answer = await agent.askWebSocket(socket, text);
        if (answer.text !== text) complaint = `to ${text}: got ${answer.text ?? answer.error}`;
        await pause(POLL_MS);
      }
    };
    const talking = talk();
    const during = await settled(this.#take(step.during, place));
    over = true;
    await talking;
    await agent.closeWebSocket(socket);
    if (during !== undefined) throw during;
    return complaint === undefined ? [] : [complaint];
  }

  async #status(step: StatusStep): Promise<readonly string[]> {
    return await untilNone(async () => {
      const conditions = await this.#mesh.conditions(step.object);
      const found = conditions.find(({ type }) => type === step.condition);
      const fits =
        found?.status === step.status &&
        found.reason === step.reason &&
        (step.message?.test(found.message) ?? true);
      return fits ? [] : [`got: ${JSON.stringify(conditions)}`];
    });
  }

  async #seen(step: SeenStep): Promise<readonly string[]> {
    const look = async (version: string): Promise<{ count: number; requests: Received[] }> => {
      const url = `http://${controlServiceName(version)}.${NAMESPACE}/seen/${step.key}`;
      const { body } = await this.#mesh.agent('client').read(url);
      return JSON.parse(body) as { count: number; requests: Received[] };
    };
    return await untilNone(async () => {
      const found = await Promise.all(step.versions.map(look));
      const count = found.reduce((sum, one) => sum + one.count, 0);
      const requests = found.flatMap((one) => one.requests);
      const complaint = judgeCount(`requests with ${step.key}`, step.count, count);
      const { received } = step;
      return [
        ...(complaint === undefined ? [] : [complaint]),
        ...(received === undefined ? [] : requests.flatMap((one) => judgeReceived(received, one))),
      ];
    });
  }

  async #metric({ from, name, labels, value }: MetricStep): Promise<readonly string[]> {
    const url = `http://127.0.0.1:${MESH_PORT.health}/metrics`;
    return await untilNone(async () => {
      const { body } = await this.#mesh.agent(from).read(url);
      const series = parseMetrics(body).filter((sample) => sample.name === name);
      const sum = series
        .filter((sample) => Object.entries(labels).every(([k, v]) => sample.labels[k] === v))
        .reduce((total, sample) => total + sample.value, 0);
      const complaint = judgeCount(name, value, sum);
      return complaint === undefined ? [] : [complaint, `there are ${JSON.stringify(series)}`];
    });
  }

  /** Puts these objects in the place of what is applied, and waits until all sidecars know. */
  async #set(objects: ReadonlyMap<string, Manifest>): Promise<void> {
    this.#objects = new Map(objects);
    this.#markers += 1;
    const rule = `m${this.#markers}`;
    await this.#mesh.set([...objects.values()], markerRoute(rule));
    const url = `http://127.0.0.1:${MESH_PORT.admin}/config_dump`;
    const mark = `HTTPRoute/${NAMESPACE}/${MARKER}/${rule}"`;
    const names = [...objects.values()].filter(isService).map(({ metadata }) => metadata.name);
    const holds = [mark, ...names.map((name) => `"${NAMESPACE}/${name}"`)];
    for (const agent of this.#concerned) {
      const { error } = await agent.poll(url, holds, { timeoutMs: PATIENCE_MS });
      if (error !== '') {
        throw new Error(
          `${agent.name} did not learn of ${[...objects.keys()].join(', ')}: ${error}`,
        );
      }
    }
  }

  async #explained({ from, request, outcome, rules, says }: ExplainStep): Promise<string[]> {
    const text = await this.#ask(from, request);
    const answer = JSON.parse(text) as Explanation;
    const complaints = says.filter((said) => !said.test(text)).map((said) => `not said: ${said}`);
    if (!outcome.test(answer.outcome)) complaints.push(`outcome: got "${answer.outcome}"`);
    const found = Object.fromEntries(answer.rules.map(({ rule, verdict }) => [rule, verdict]));
    if (rules !== undefined && !isDeepStrictEqual(found, rules)) {
      complaints.push(`rules: expected ${JSON.stringify(rules)}, got ${JSON.stringify(found)}`);
    }
    return complaints.length === 0 ? [] : [...complaints, text];
  }

  /** What the client's sidecar says of the request of a step that failed. */
  async #explain(step: Step): Promise<string> {
    if (step.kind !== 'send' && step.kind !== 'load') return '';
    return step.from === 'outsider' ? '' : await this.#ask(step.from, step.request);
  }

  async #ask(from: Client, { method, url, headers }: Request): Promise<string> {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    const query = encodeURIComponent([`${method} ${url}`, ...lines].join('\n'));
    const page = `http://127.0.0.1:${MESH_PORT.admin}/config_dump?explain=${query}`;
    const { body, error } = await this.#mesh.agent(from).read(page);
    return error || body;
  }

  #newName(): string {
    this.#names += 1;
    return `n${this.#names}`;
  }
}

function markerRoute(rule: string): Manifest {
  return httpRoute(MARKER, `[{ name: ${rule}, backendRefs: [{ name: ${MARKER}, port: 80 }] }]`);
}

function isService({ kind }: Manifest): boolean {
  return kind === 'Service';
}

function byName(objects: readonly Manifest[]): Map<string, Manifest> {
  return new Map(objects.map((object) => [nameOf(object), object]));
}

/** Looks until nothing is wrong any more, or for too long. */
async function untilNone(look: () => Promise<readonly string[]>): Promise<readonly string[]> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const complaints = await look();
    if (complaints.length === 0 || performance.now() > deadlineMs) return complaints;
    await pause(POLL_MS);
  }
}

/** With what it was rejected, when it was. */
async function settled(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
