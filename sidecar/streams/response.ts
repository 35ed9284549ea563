import { parseGrpcStatus } from '../grpc/status.ts';
import { type HeaderField, headerField, literalField } from '../http2/header-field.ts';
import type { ResponseMessage } from '../message.ts';
import { FIELD, fieldKind, isChangeable } from './field-kind.ts';
import { fieldValue, relayedFields } from './fields.ts';

/** The head of a response, also of one that is only on its way (1xx). */
export class StreamResponse implements ResponseMessage {
  readonly status: number;
  readonly grpcStatus: number | undefined;
  /** Nothing follows the head. */
  readonly endsStream: boolean;
  #fields: readonly HeaderField[];
  #own: HeaderField[] | undefined;

  /**
   * @param fields as the codec gives them: their form is checked, `:status` is there
   * @param isGrpc of a call of gRPC
   */
  constructor(fields: readonly HeaderField[], endsStream: boolean, isGrpc: boolean) {
    this.#fields = fields;
    this.endsStream = endsStream;
    this.status = Number(statusOf(fields));
    this.grpcStatus = isGrpc && endsStream ? grpcStatusIn(fields) : undefined;
  }

  header(name: string): string | undefined {
    return fieldValue(this.#fields, name);
  }

  addField(name: string, value: string, isUnique = false): void {
    this.#own ??= [];
    this.#own.push(isUnique ? literalField(name, value) : headerField(name, value));
  }

  removeField(name: string): void {
    this.#own = this.#own?.filter((field) => field.name !== name);
    if (!isChangeable(fieldKind(name)) || this.header(name) === undefined) return;
    this.#fields = this.#fields.filter((field) => field.name !== name);
  }

  /** @param keepTrust the response comes from a sidecar that proved itself */
  encode(keepTrust: boolean): readonly HeaderField[] {
    const relayed = relayedFields(this.#fields, keepTrust);
    return this.#own === undefined ? relayed : [...relayed, ...this.#own];
  }
}

/** The outcome of a call, from a head that ends the response or from trailers; undefined when it is not said. */
export function grpcStatusIn(fields: readonly HeaderField[]): number | undefined {
  for (const { name, value } of fields) {
    if (fieldKind(name) === FIELD.grpcStatus) return parseGrpcStatus(value);
  }
  return undefined;
}

function statusOf(fields: readonly HeaderField[]): string {
  const [first] = fields;
  if (first?.name === ':status') return first.value;
  return fieldValue(fields, ':status') ?? '';
}
