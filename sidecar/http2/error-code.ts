import { MeshError } from '../../runtime/errors.ts';

/** Why a stream or connection ended (RFC 9113 §7). */
export const ERROR_CODE = {
  noError: 0x0,
  protocolError: 0x1,
  internalError: 0x2,
  flowControlError: 0x3,
  settingsTimeout: 0x4,
  streamClosed: 0x5,
  frameSizeError: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compressionError: 0x9,
  connectError: 0xa,
  enhanceYourCalm: 0xb,
} as const;

/** The peer broke a rule that holds for the whole connection: GOAWAY, and nothing after it. */
export class ConnectionError extends MeshError {
  /** What GOAWAY says. */
  readonly goawayCode: number;

  constructor(goawayCode: number, code: string, message: string) {
    super(code, message);
    this.goawayCode = goawayCode;
  }
}

export function protocolError(message: string): ConnectionError {
  return new ConnectionError(ERROR_CODE.protocolError, 'http2-protocol-error', message);
}

export function frameSizeError(message: string): ConnectionError {
  return new ConnectionError(ERROR_CODE.frameSizeError, 'http2-frame-size', message);
}

export function flowControlError(message: string): ConnectionError {
  return new ConnectionError(ERROR_CODE.flowControlError, 'http2-flow-control', message);
}

export function streamClosedError(message: string): ConnectionError {
  return new ConnectionError(ERROR_CODE.streamClosed, 'http2-stream-closed', message);
}

export function compressionError(message: string): ConnectionError {
  return new ConnectionError(ERROR_CODE.compressionError, 'http2-compression', message);
}

/** The peer asks more of us than any honest one would. */
export function floodError(message: string): ConnectionError {
  return new ConnectionError(ERROR_CODE.enhanceYourCalm, 'http2-flood', message);
}
