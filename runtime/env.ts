import { MeshError } from './errors.ts';

/** `host:port`, taken apart. */
export interface SocketAddress {
  host: string;
  port: number;
}

/**
 * Reads a process's configuration from its environment. Every bad variable is
 * collected, so that one start reports all of them.
 *
 * @example
 * const env = new EnvReader(process.env);
 * const config = { admin: env.address('REMORA_ADMIN_ADDRESS', '127.0.0.1:15000') };
 * env.throwIfBad();
 */
export class EnvReader {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #problems: string[] = [];

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env;
  }

  /** The text of a variable. Without a fallback the variable is required. */
  text(name: string, fallback?: string): string {
    const value = this.optional(name) ?? fallback;
    if (value === undefined) {
      this.#problems.push(`${name} is not set`);
      return '';
    }
    return value;
  }

  optional(name: string): string | undefined {
    const value = this.#env[name];
    return value === undefined || value === '' ? undefined : value;
  }

  /** A whole number within bounds (both included). */
  integer(name: string, fallback: number, bounds: { min: number; max: number }): number {
    const text = this.optional(name);
    if (text === undefined) return fallback;
    const value = Number(text);
    if (!Number.isInteger(value) || value < bounds.min || value > bounds.max) {
      this.#problems.push(
        `${name} must be a whole number from ${bounds.min} to ${bounds.max}, and is "${text}"`,
      );
      return fallback;
    }
    return value;
  }

  oneOf<const T extends string>(name: string, choices: readonly T[], fallback: T): T {
    const text = this.optional(name);
    if (text === undefined) return fallback;
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined) {
      this.#problems.push(`${name} must be one of ${choices.join(', ')}, and is "${text}"`);
      return fallback;
    }
    return choice;
  }

  /** `host:port` or `[ipv6]:port`. */
  address(name: string, fallback?: string): SocketAddress {
    const text = this.optional(name) ?? fallback;
    if (text === undefined) {
      this.#problems.push(`${name} is not set`);
      return { host: '', port: 0 };
    }
    const address = parseSocketAddress(text);
    if (address === undefined) {
      this.#problems.push(`${name} must be host:port, and is "${text}"`);
      return { host: '', port: 0 };
    }
    return address;
  }

  /** For checks that only the caller can make. */
  problem(sentence: string): void {
    this.#problems.push(sentence);
  }

  throwIfBad(): void {
    if (this.#problems.length > 0) {
      throw new MeshError('bad-environment', `bad environment: ${this.#problems.join('; ')}`);
    }
  }
}

/** `host:port` or `[ipv6]:port`; undefined when it is neither. */
export function parseSocketAddress(text: string): SocketAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  return port > 65535 ? undefined : { host: match[1] ?? match[2] ?? '', port };
}
