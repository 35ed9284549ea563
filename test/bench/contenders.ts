import type { Lab, Plan, Setup } from './lab.ts';
import { planEnvoy } from './proxies/envoy.ts';
import { planHaproxy } from './proxies/haproxy.ts';
import { planNginx } from './proxies/nginx.ts';
import { planRemora } from './proxies/remora.ts';
import type { ToolName, Tools } from './tools.ts';

/** A proxy in a comparison. */
interface Contender {
  readonly title: string;
  /** The program it needs; undefined for our own. */
  readonly tool?: ToolName;
  plan(lab: Lab, setup: Setup): Promise<Plan>;
}

export const CONTENDERS = {
  remora: { title: 'Remora', plan: planRemora },
  'one-rule': {
    title: 'Remora, one rule',
    plan: (lab: Lab, setup: Setup) => planRemora(lab, { ...setup, rules: 1 }),
  },
  envoy: {
    title: 'Envoy',
    tool: 'envoy',
    plan: (lab: Lab, setup: Setup) => planEnvoy(lab, setup, 'http2'),
  },
  'envoy-h1': {
    title: 'Envoy, HTTP/1.1 between',
    tool: 'envoy',
    plan: (lab: Lab, setup: Setup) => planEnvoy(lab, setup, 'http1'),
  },
  'envoy-h2': {
    title: 'Envoy, HTTP/2 between',
    tool: 'envoy',
    plan: (lab: Lab, setup: Setup) => planEnvoy(lab, setup, 'http2'),
  },
  haproxy: { title: 'HAProxy', tool: 'haproxy', plan: planHaproxy },
  nginx: { title: 'nginx', tool: 'nginx', plan: planNginx },
} as const satisfies Record<string, Contender>;

export type ContenderId = keyof typeof CONTENDERS;

/** As it is called in the table: with its version, once that is known. */
export function contenderTitle(id: ContenderId, tools: Tools): string {
  const { title, tool }: Contender = CONTENDERS[id];
  const version = tool === undefined ? undefined : tools[tool]?.version;
  return version === undefined ? title : title.replace(/^\w+/, (name) => `${name} ${version}`);
}

/** The program that a contender needs and that is not here. */
export function missingTool(id: ContenderId, tools: Tools): ToolName | undefined {
  const { tool }: Contender = CONTENDERS[id];
  return tool !== undefined && tools[tool] === undefined ? tool : undefined;
}
