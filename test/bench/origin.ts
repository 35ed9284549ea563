import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from './children.ts';

const KIB = 1024;

/** What the origin serves, by path: different bytes everywhere, so that a mix-up shows. */
const SIZES: Readonly<Record<string, number>> = {
  '/1k': KIB,
  '/64k': 64 * KIB,
  '/1m': KIB * KIB,
  '/check-1': KIB,
  '/check-2': KIB,
  '/check-3': KIB,
  '/shop/v1/last': KIB,
};

/** Pods of a service that has several: the origin answers HTTP/1.1 on all of them. */
export const POD_ADDRESSES = Array.from({ length: 10 }, (_, i) => `127.77.0.${i + 1}`);

/** The path that answers gRPC, with a message of this length. */
export const GRPC_PATH = '/bench.Echo/Call';
const GRPC_MESSAGE_BYTES = KIB;

/**
 * The server behind the proxies: nginx with one worker and files in its cache. It
 * answers HTTP/1.1 on one port, HTTP/2 and gRPC on the other.
 */
export class Origin {
  readonly bodies: ReadonlyMap<string, Buffer>;
  /** A file with a gRPC message to send. */
  readonly grpcRequest: string;
  /** Ports; 0 until there is a command. */
  http1 = 0;
  h2c = 0;
  readonly #directory: string;

  /** @param directory for the files that are served */
  constructor(directory: string) {
    this.#directory = directory;
    const root = join(directory, 'www');
    mkdirSync(root);
    const bodies = new Map<string, Buffer>();
    for (const [path, size] of Object.entries(SIZES)) bodies.set(path, randomBytes(size));
    bodies.set(GRPC_PATH, grpcMessage(GRPC_MESSAGE_BYTES));
    this.bodies = bodies;
    for (const [path, body] of bodies) {
      mkdirSync(join(root, dirname(path)), { recursive: true });
      writeFileSync(join(root, path), body);
    }
    this.grpcRequest = join(directory, 'grpc-request');
    writeFileSync(this.grpcRequest, grpcMessage(128));
  }

  /** @throws Error when there is no such path */
  body(path: string): Buffer {
    const body = this.bodies.get(path);
    if (body === undefined) throw new Error(`the origin has no ${path}`);
    return body;
  }

  port(protocol: 'http1' | 'h2c' | 'grpc' | 'tcp'): number {
    return protocol === 'h2c' || protocol === 'grpc' ? this.h2c : this.http1;
  }

  /** In one process, so that its CPU is easy to tell. */
  command(nginx: string, http1: number, h2c: number): Command {
    this.http1 = http1;
    this.h2c = h2c;
    const path = join(this.#directory, 'origin.conf');
    const listens = ['127.0.0.1', ...POD_ADDRESSES]
      .map((address) => `listen ${address}:${http1};`)
      .join(' ');
    const server = `root ${this.#directory}/www; default_type application/octet-stream;`;
    writeFileSync(
      path,
      nginxConfiguration(
        this.#directory,
        `open_file_cache max=100;
        server { ${listens} ${server} }
        server {
          listen 127.0.0.1:${h2c} http2; ${server}
          http2_max_concurrent_streams 1000;
          location ${GRPC_PATH} {
            default_type application/grpc;
            # A file cannot be posted to; it may be the page of the error that says so.
            error_page 405 =200 ${GRPC_PATH};
            add_trailer grpc-status 0;
          }
        }`,
      ),
    );
    return { file: nginx, args: ['-c', path, '-p', this.#directory] };
  }
}

/** What any nginx of the benchmark needs around its servers. */
export function nginxConfiguration(directory: string, http: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${directory}/${kind}_temp;`)
    .join(' ');
  return `daemon off; master_process off; pid /dev/null; error_log stderr crit;
    events { worker_connections 8192; }
    http {
      access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s; ${temporary}
      ${http}
    }`;
}

/** Length-prefixed, not compressed. */
function grpcMessage(bytes: number): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes - prefix.length, 1);
  return Buffer.concat([prefix, randomBytes(bytes - prefix.length)]);
}
