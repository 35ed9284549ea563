import { request as httpsRequest, type RequestOptions } from 'node:https';
// This module alone: the package as a whole loads the client of every API.
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { describeError, MeshError } from '../runtime/errors.ts';

/** The little that the injector asks of the Kubernetes API. */
export interface KubernetesApi {
  get(path: string): Promise<unknown>;
  /** A JSON Patch (RFC 6902). */
  patch(path: string, operations: readonly object[]): Promise<unknown>;
}

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/**
 * The API server named by KUBECONFIG, or the one of the cluster in which this
 * process runs, with the pod's own service account.
 *
 * Calls reject with a MeshError: `api-unavailable` when there was no answer,
 * `api-refused` when the answer was an error.
 */
export class HttpKubernetesApi implements KubernetesApi {
  readonly #config = new KubeConfig();
  #loaded = false;

  get(path: string): Promise<unknown> {
    return this.#call('GET', path, undefined);
  }

  patch(path: string, operations: readonly object[]): Promise<unknown> {
    return this.#call('PATCH', path, JSON.stringify(operations));
  }

  async #call(method: string, path: string, body: string | undefined): Promise<unknown> {
    if (!this.#loaded) {
      this.#config.loadFromDefault();
      this.#loaded = true;
    }
    const server = this.#config.getCurrentCluster()?.server;
    if (server === undefined) {
      throw new MeshError('api-unavailable', 'no Kubernetes API is configured: set KUBECONFIG');
    }
    const options: RequestOptions = {
      method,
      timeout: TIMEOUT_MS,
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json-patch+json' }),
      },
    };
    // Reads the token again when its file has changed.
    await this.#config.applyToHTTPSOptions(options);
    const { status, text } = await send(new URL(path, server), options, body);
    if (status < 200 || status > 299) {
      throw new MeshError('api-refused', `${method} ${path}: ${status} ${messageOf(text)}`);
    }
    return JSON.parse(text);
  }
}

function send(
  url: URL,
  options: RequestOptions,
  body: string | undefined,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void =>
      reject(
        new MeshError(
          'api-unavailable',
          `the Kubernetes API at ${url.host} did not answer: ${describeError(error)}`,
        ),
      );
    const request = httpsRequest(url, options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
        if (text.length > MAX_ANSWER_BYTES) response.destroy(new Error('the answer is too long'));
      });
      response.on('error', fail);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    request.on('error', fail);
    request.end(body);
  });
}

/** The sentence of a Kubernetes Status object, or the beginning of whatever it was. */
function messageOf(text: string): string {
  try {
    const status: unknown = JSON.parse(text);
    if (typeof status === 'object' && status !== null && 'message' in status) {
      return String(status.message);
    }
  } catch {
    // Not JSON: something between us and the API server answered.
  }
  return text.slice(0, 200);
}
