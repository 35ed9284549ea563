import { receivedOf, versionOf } from './judge.ts';
import { nameOf } from './manifests.ts';
import type { Request, Result, Step } from './scenario.ts';

/** A step that did not go as it should: what a developer has to know of it. */
export class StepFailure extends Error {
  readonly #told: readonly string[];

  constructor(place: string, step: string, complaints: readonly string[], explained: string) {
    const told = [
      `step ${place}: ${step}`,
      ...complaints.map((complaint) => `  ${complaint}`),
      ...(explained === '' ? [] : ['what the sidecar says of such a request:', explained]),
    ];
    super(told.join('\n'));
    this.name = 'StepFailure';
    this.#told = told;
    // Where in the player it was thrown tells nobody anything.
    this.stack = `${this.name}: ${this.message}`;
  }

  /** With the scenario's name before it. */
  in(scenario: string): StepFailure {
    this.message = [scenario, ...this.#told].join('\n');
    this.stack = `${this.name}: ${this.message}`;
    return this;
  }
}

/** A step as one line. */
export function describeStep(step: Step): string {
  switch (step.kind) {
    case 'send': {
      const { request, count, from, expected, eventually } = step;
      const times = count === 1 ? '' : ` ${count} times`;
      const when = eventually ? 'sooner or later' : 'expected';
      return `${describeRequest(request)} from ${from}${times}, ${when} ${describe(expected)}`;
    }
    case 'change': {
      const removed = step.remove.map((object) => `without ${nameOf(object)}`);
      return ['change', ...step.apply.map(nameOf), ...removed].join(' ');
    }
    case 'changes':
      return `${step.count} changes`;
    case 'load':
      return `${describeRequest(step.request)} ${step.perSecond} times a second, expected ${describe(step.expected)}`;
    case 'webSocket':
      return `a WebSocket to ${step.url} stays and answers`;
    case 'status':
      return `${nameOf(step.object)} says ${step.condition}: ${step.status} ${step.reason} ${step.message ?? ''}`;
    case 'explain':
      return `the sidecar explains ${describeRequest(step.request)}: ${step.outcome}`;
    case 'metric':
      return `${step.name} of ${step.from}'s sidecar with ${describe(step.labels)}: ${describe(step.value)}`;
    case 'refused':
      return `${nameOf(step.object)} is refused: ${step.message}`;
    case 'seen':
      return `${step.versions.join(', ')} has seen requests with ${step.key}: ${describe(step.count)} ${describe(step.received ?? {})}`;
  }
}

function describeRequest({ method, url, headers, protocol }: Request): string {
  const said = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const as = protocol === 'http1' ? '' : ` (${protocol})`;
  return [`${method} ${url}${as}`, ...said].join(', ');
}

/** Equal results once, each with how many. */
export function describeResults(results: readonly Result[]): string {
  const found = new Map<string, number>();
  for (const result of results) {
    const line = describeResult(result);
    found.set(line, (found.get(line) ?? 0) + 1);
  }
  const lines = [...found].map(([line, count]) => (count === 1 ? line : `${count} times ${line}`));
  return lines.slice(0, 5).join('; ');
}

function describeResult(result: Result): string {
  const { status, error, headers, body } = result;
  const received = receivedOf(result);
  const parts = [
    error || String(status),
    versionOf(result),
    ...['x-remora-error', 'location', 'grpc-status', 'grpc-message'].flatMap((name) =>
      headers[name] === undefined ? [] : [`${name}: ${headers[name]}`],
    ),
    received === undefined
      ? JSON.stringify(body.slice(0, 200))
      : `received ${received.method} ${received.path} for ${received.host}`,
  ];
  return parts.filter((part) => part !== '').join(' ');
}

function describe(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner instanceof RegExp ? String(inner) : inner,
  );
}
