import { MeshError } from '../../runtime/errors.ts';
import { INTERIM_LIMIT } from '../message.ts';
import { neverOpened, type Transport, type TransportHandler } from '../transport.ts';
import { BodyReader } from './body.ts';
import type { BodySink } from './chunked.ts';
import { HeadReader } from './head.ts';
import { parseResponse, type Response } from './response.ts';

/** Takes one response. After `onResponseEnd`, `onUpgraded` or `onFailure` nothing more is called. */
export interface ResponseSink {
  /** 100, 102 or 103; the final response is to come. */
  onInterim(response: Response): void;
  onResponse(response: Response): void;
  onResponseBody(bytes: Buffer): void;
  /** @param clean the connection can carry another request, when this one was sent whole */
  onResponseEnd(trailers: Buffer | undefined, clean: boolean): void;
  /** @param rest what came behind the head */
  onUpgraded(response: Response, rest: Buffer | undefined): void;
  /** More of the request can be written. */
  onWritable(): void;
  /** @param anyByte something of a response came before */
  onFailure(error: MeshError, anyByte: boolean): void;
}

/** Between responses, so that not each needs memory of its own. */
const freeHeads: HeadReader[] = [];
const FREE_HEADS_LIMIT = 256;

/** Reads the response to one request from a transport. */
export class ResponseReader implements TransportHandler, BodySink {
  readonly #method: string;
  readonly #upgrading: boolean;
  readonly #sink: ResponseSink;
  readonly #heads: HeadReader = freeHeads.pop() ?? new HeadReader('response');
  #response: Response | undefined;
  #body: BodyReader | undefined;
  #trailers: Buffer | undefined;
  #anyByte = false;
  #interims = 0;
  #over = false;

  /** @param upgrading the request asked for another protocol */
  constructor(method: string, upgrading: boolean, sink: ResponseSink) {
    this.#method = method;
    this.#upgrading = upgrading;
    this.#sink = sink;
  }

  start(transport: Transport): void {
    transport.attach(this);
    transport.resume();
  }

  /** From now on nothing is told. */
  detach(): void {
    this.#over = true;
  }

  onData(bytes: Buffer): void {
    if (this.#over) return;
    this.#anyByte = true;
    try {
      this.#read(bytes);
    } catch (error) {
      this.#fail(protocolError(error));
    }
  }

  #read(bytes: Buffer): void {
    let i = 0;
    while (this.#body === undefined) {
      if (i >= bytes.length) return;
      i = this.#heads.feed(bytes, i);
      if (i < 0) return;
      const response = parseResponse(this.#heads.head, this.#method);
      if (response.status === 101) {
        this.#upgraded(response, i < bytes.length ? bytes.subarray(i) : undefined);
        return;
      }
      if (response.status < 200) {
        if (++this.#interims > INTERIM_LIMIT) {
          throw new MeshError('bad-head', `over ${INTERIM_LIMIT} responses of the kind 1xx came`);
        }
        this.#sink.onInterim(response);
      } else {
        this.#response = response;
        this.#body = new BodyReader(response.framing);
        this.#sink.onResponse(response);
      }
      if (this.#over) return;
    }
    i = this.#body.read(bytes, i, this);
    if (this.#body.done) this.#complete(i === bytes.length);
  }

  onBody(bytes: Buffer): void {
    if (!this.#over) this.#sink.onResponseBody(bytes);
  }

  onBodyEnd(trailers: Buffer | undefined): void {
    this.#trailers = trailers;
  }

  onEnd(): void {
    if (this.#over) return;
    if (this.#body?.finish(this) === true) this.#complete(false);
    else this.#fail(closedEarly(this.#anyByte, undefined));
  }

  onDrain(): void {
    if (!this.#over) this.#sink.onWritable();
  }

  onClose(error: Error | undefined): void {
    if (this.#over) return;
    if (!this.#anyByte && neverOpened(error)) this.#fail(error);
    else this.#fail(closedEarly(this.#anyByte, error));
  }

  #upgraded(response: Response, rest: Buffer | undefined): void {
    if (!this.#upgrading) throw new MeshError('bad-head', 'a 101 came that nobody asked for');
    this.#over = true;
    this.#sink.onUpgraded(response, rest);
  }

  #complete(exact: boolean): void {
    if (this.#over) return;
    this.#over = true;
    const response = this.#response;
    const clean = exact && response?.keepAlive === true && response.framing.kind !== 'close';
    this.#sink.onResponseEnd(this.#trailers, clean);
    // The exchange is over, and nobody looks at the response's head any more.
    if (freeHeads.length < FREE_HEADS_LIMIT) freeHeads.push(this.#heads);
  }

  #fail(error: MeshError): void {
    if (this.#over) return;
    this.#over = true;
    this.#sink.onFailure(error, this.#anyByte);
  }
}

function protocolError(error: unknown): MeshError {
  if (!(error instanceof MeshError)) throw error;
  return new MeshError('upstream-protocol-error', 'the application answered with broken HTTP', {
    cause: error,
  });
}

function closedEarly(anyByte: boolean, cause: Error | undefined): MeshError {
  const when = anyByte ? 'in the middle of its response' : 'without a response';
  return new MeshError('upstream-reset', `the application closed the connection ${when}`, {
    cause,
  });
}
