import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MeshError } from '../runtime/errors.ts';
import { readConfig } from './env.ts';

const least = {
  REMORA_CONTROL_PLANE: 'control-plane.remora-system.svc:15010',
  REMORA_TRUST_BUNDLE: '/trust/roots.pem',
  REMORA_TOKEN_PATH: '/token/token',
  REMORA_IMAGE: 'remora:1',
};

test('the least that must be set', () => {
  const config = readConfig(least);
  assert.equal(config.controlPlaneName, 'control-plane.remora-system.svc');
  assert.equal(config.namespace, 'remora-system');
  assert.deepEqual(config.webhookAddress, { host: '0.0.0.0', port: 15443 });
  assert.deepEqual(config.sidecar.resources, {
    cpuRequest: undefined,
    cpuLimit: undefined,
    memoryRequest: undefined,
    memoryLimit: undefined,
  });
  assert.equal(config.sidecar.controlPlane, least.REMORA_CONTROL_PLANE);
});

test('empty resources mean none, as the chart writes them', () => {
  const { resources } = readConfig({
    ...least,
    REMORA_PROXY_CPU_REQUEST: '50m',
    REMORA_PROXY_CPU_LIMIT: '',
  }).sidecar;
  assert.deepEqual([resources.cpuRequest, resources.cpuLimit], ['50m', undefined]);
});

test('sidecars log no requests unless that is asked for', () => {
  assert.equal(readConfig(least).sidecar.accessLog, 'off');
  const asked = readConfig({ ...least, REMORA_PROXY_ACCESS_LOG: 'text' });
  assert.equal(asked.sidecar.accessLog, 'text');
});

test('sidecars are told of a limit of connections when there is one', () => {
  assert.equal(readConfig(least).sidecar.maxConnections, undefined);
  const limited = readConfig({ ...least, REMORA_PROXY_MAX_CONNECTIONS: '500' }).sidecar;
  assert.equal(limited.maxConnections, 500);
  assert.throws(
    () => readConfig({ ...least, REMORA_PROXY_MAX_CONNECTIONS: '1' }),
    /REMORA_PROXY_MAX_CONNECTIONS must be a whole number from 10/,
  );
});

test('everything that is wrong is said at once', () => {
  assert.throws(
    () =>
      readConfig({
        REMORA_CONTROL_PLANE: 'control-plane',
        REMORA_IMAGE_PULL_POLICY: 'Sometimes',
        REMORA_PROXY_MEMORY_LIMIT: 'much',
        REMORA_PROXY_ACCESS_LOG: 'xml',
      }),
    (error: unknown) =>
      error instanceof MeshError &&
      error.code === 'bad-environment' &&
      [
        'REMORA_CONTROL_PLANE must be host:port',
        'REMORA_TRUST_BUNDLE is not set',
        'REMORA_TOKEN_PATH is not set',
        'REMORA_IMAGE is not set',
        'REMORA_IMAGE_PULL_POLICY must be one of',
        'REMORA_PROXY_MEMORY_LIMIT: "much" is bad',
        'REMORA_PROXY_ACCESS_LOG must be one of off, text, json, and is "xml"',
      ].every((part) => error.message.includes(part)),
  );
});
