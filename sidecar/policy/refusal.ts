import { MeshError } from '../../runtime/errors.ts';

/** What a client is told besides the error itself. */
export interface RefusalAnswer {
  readonly status: number;
  readonly grpcStatus: number;
  /** Names in lower case. */
  readonly fields: readonly (readonly [name: string, value: string])[];
}

interface RefusalOptions extends RefusalAnswer {
  /** Which policy says so. For the log: no client is told. */
  readonly cause: string;
}

/** An error whose answer a policy decides, and not the table of codes. */
export class PolicyRefusal extends MeshError implements RefusalAnswer {
  readonly status: number;
  readonly grpcStatus: number;
  readonly fields: RefusalAnswer['fields'];

  constructor(
    code: string,
    message: string,
    { status, grpcStatus, fields, cause }: RefusalOptions,
  ) {
    super(code, message, { cause });
    this.status = status;
    this.grpcStatus = grpcStatus;
    this.fields = fields;
  }
}

const NO_FIELDS: RefusalAnswer['fields'] = [];

/** None of most errors. */
export function fieldsOf(error: MeshError): RefusalAnswer['fields'] {
  return error instanceof PolicyRefusal ? error.fields : NO_FIELDS;
}
