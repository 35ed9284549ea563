import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encodeGrpcMessage } from './message.ts';
import {
  GRPC,
  grpcStatusName,
  grpcStatusOfHttp,
  httpStatusOfGrpc,
  isGrpcServerError,
  parseGrpcStatus,
} from './status.ts';
import { parseGrpcTimeout } from './timeout.ts';

describe('a status of gRPC', () => {
  for (const [http, name] of [
    [400, 'INTERNAL'],
    [401, 'UNAUTHENTICATED'],
    [403, 'PERMISSION_DENIED'],
    [404, 'UNIMPLEMENTED'],
    [429, 'RESOURCE_EXHAUSTED'],
    [500, 'INTERNAL'],
    [502, 'UNAVAILABLE'],
    [503, 'UNAVAILABLE'],
    [504, 'DEADLINE_EXCEEDED'],
    [418, 'UNKNOWN'],
  ] as const) {
    test(`for ${http} is ${name}`, () => {
      assert.equal(grpcStatusName(grpcStatusOfHttp(http)), name);
    });
  }

  for (const [text, expected] of [
    ['0', 0],
    ['14', GRPC.unavailable],
    ['16', GRPC.unauthenticated],
    ['17', GRPC.unknown],
    ['-1', GRPC.unknown],
    ['', GRPC.unknown],
    ['1e1', GRPC.unknown],
    ['014', GRPC.unknown],
  ] as const) {
    test(`that is written "${text}" is ${expected}`, () => {
      assert.equal(parseGrpcStatus(text), expected);
    });
  }

  test('is to blame on the server as the status of HTTP is that says the same', () => {
    for (let grpcStatus = 0; grpcStatus <= 16; grpcStatus++) {
      // What is not implemented was asked for in vain, however healthy the server is.
      if (grpcStatus === GRPC.unimplemented) continue;
      assert.equal(isGrpcServerError(grpcStatus), httpStatusOfGrpc(grpcStatus) >= 500);
    }
  });
});

describe('grpc-timeout', () => {
  for (const [text, timeoutMs] of [
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3_000],
    ['250m', 250],
    ['1500u', 2],
    ['1n', 1],
    ['0S', 1],
    ['99999999n', 100],
    // Longer than a timer can wait.
    ['99999999H', 0],
    ['123456789m', 0],
    ['1', 0],
    ['S', 0],
    ['1.5S', 0],
    ['-1S', 0],
    ['1s', 0],
    [' 1S', 0],
  ] as const) {
    test(`"${text}" is ${timeoutMs} ms`, () => {
      assert.equal(parseGrpcTimeout(text), timeoutMs);
    });
  }
});

describe('grpc-message', () => {
  for (const [sentence, encoded] of [
    ['nobody is there', 'nobody is there'],
    ['100% of it', '100%25 of it'],
    ['ä', '%C3%A4'],
    ['two\nlines', 'two%0Alines'],
    ['', ''],
  ] as const) {
    test(`carries ${JSON.stringify(sentence)} as "${encoded}"`, () => {
      assert.equal(encodeGrpcMessage(sentence), encoded);
      assert.equal(decodeURIComponent(encoded), sentence);
    });
  }
});
