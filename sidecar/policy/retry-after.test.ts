import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askedPauseMs } from './retry-after.ts';

const wallMs = Date.UTC(2026, 0, 1, 12, 0, 0);
const cases: { name: string; fields: Record<string, string>; grpc?: true; asked?: number }[] = [
  { name: 'nothing', fields: {} },
  { name: 'seconds', fields: { 'retry-after': '2' }, asked: 2000 },
  { name: 'a date', fields: { 'retry-after': 'Thu, 01 Jan 2026 12:00:03 GMT' }, asked: 3000 },
  { name: 'a date gone by', fields: { 'retry-after': 'Thu, 01 Jan 2026 11:00:00 GMT' }, asked: 0 },
  { name: 'nonsense', fields: { 'retry-after': 'soon' } },
  { name: 'less than nothing', fields: { 'retry-after': '-1' } },
  { name: 'another form of a date', fields: { 'retry-after': '2026-01-01' } },
  { name: 'the field of gRPC without gRPC', fields: { 'grpc-retry-pushback-ms': '5' } },
  { name: 'a pushback', fields: { 'grpc-retry-pushback-ms': '5' }, grpc: true, asked: 5 },
  {
    name: 'a pushback for good',
    fields: { 'grpc-retry-pushback-ms': '-1' },
    grpc: true,
    asked: Number.POSITIVE_INFINITY,
  },
];
for (const { name, fields, grpc = false, asked } of cases) {
  test(`of ${name} a server asks ${asked ?? 'no'} ms`, () => {
    const response = { status: 503, grpcStatus: undefined, header: (key: string) => fields[key] };
    assert.equal(askedPauseMs(response, grpc, wallMs), asked);
  });
}
