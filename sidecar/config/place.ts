import { isIP } from 'node:net';
import { TOKEN } from '../../proto/token.ts';
import { MeshError } from '../../runtime/errors.ts';

/** A resource that this sidecar cannot take, with its name for the Nack. */
export class ResourceError extends MeshError {
  readonly resource: string;

  constructor(resource: string, problem: string) {
    super('bad-resource', `resource ${resource || '(without a name)'}: ${problem}`);
    this.resource = resource;
  }
}

/** Timers take no more than this. */
const MAX_DURATION_MS = 2 ** 31 - 1;

/** `<namespace>/<name>` */
export const SERVICE_NAME = /^[^/\s]+\/[^/\s]+$/;

const HOST_PATTERN =
  /^(?=.{1,253}$)(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Where in a resource the decoder is; its checks throw with that place in the sentence. */
export class Place {
  readonly #resource: string;
  readonly #path: string;

  constructor(resource: string, path: string) {
    this.#resource = resource;
    this.#path = path;
  }

  in(step: string): Place {
    return new Place(this.#resource, this.#path === '' ? step : `${this.#path}.${step}`);
  }

  fail(problem: string): never {
    throw new ResourceError(
      this.#resource,
      this.#path === '' ? problem : `${this.#path}: ${problem}`,
    );
  }

  present<T>(value: T | null | undefined): T {
    return value ?? this.fail('it is missing');
  }

  sameName(inBody: string, inName: string): void {
    if (inBody !== inName) this.fail(`its body is about "${inBody}"`);
  }

  port(value: number): number {
    return value >= 1 && value <= 65535 ? value : this.fail(`${value} is no port`);
  }

  ip(value: string): string {
    return isIP(value) === 0 ? this.fail(`"${value}" is no IP address`) : value;
  }

  serviceName(value: string): string {
    return SERVICE_NAME.test(value) ? value : this.fail(`"${value}" is not <namespace>/<name>`);
  }

  /** A name of a header or cookie. */
  token(value: string): string {
    return TOKEN.test(value) ? value : this.fail(`"${value}" is no name`);
  }

  /** A name of a host, or `*.` before one; in lower case. */
  hostPattern(value: string): string {
    return HOST_PATTERN.test(value) ? value : this.fail(`"${value}" is no name of hosts`);
  }

  atMost(value: number, limit: number): number {
    return value <= limit ? value : this.fail(`${value} is above ${limit}`);
  }

  above0(value: number): number {
    return value > 0 ? value : this.fail('0 would let nothing through');
  }

  duration(valueMs: number): number {
    return this.atMost(valueMs, MAX_DURATION_MS);
  }

  optionalDuration(valueMs: number | undefined): number | undefined {
    return valueMs === undefined ? undefined : this.duration(valueMs);
  }

  unique(values: readonly number[]): void {
    const seen = new Set<number>();
    for (const value of values) {
      if (seen.has(value)) this.fail(`${value} stands there twice`);
      seen.add(value);
    }
  }
}
