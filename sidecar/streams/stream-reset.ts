import { MeshError } from '../../runtime/errors.ts';
import { ERROR_CODE } from '../http2/error-code.ts';

/** The server reset the stream of a request. */
export class StreamReset extends MeshError {
  /** For the stream of the client, when its response has begun. */
  readonly clientCode: number;

  /** @param begun the response had */
  constructor(code: number, begun: boolean) {
    const when = begun ? 'in the middle of its response' : 'without a response';
    super('upstream-reset', `the application reset the stream with code ${code} ${when}`);
    this.clientCode = clientCode(code);
  }
}

/** What a server says of its own hop, or asks for at once, is not said to the client. */
function clientCode(code: number): number {
  switch (code) {
    case ERROR_CODE.noError:
    case ERROR_CODE.cancel:
    case ERROR_CODE.enhanceYourCalm:
      return code;
    default:
      return ERROR_CODE.internalError;
  }
}
