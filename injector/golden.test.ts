import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { ANNOTATION, SIDECAR_LABEL } from '../proto/well-known.ts';
import { type AdmissionSettings, answer } from './admission.ts';
import { applyPatch, type PatchOperation } from './json-patch.ts';
import type { Pod } from './pod.ts';

/*
 * Each folder holds a pod as it is asked for and what comes of it: the patch, or
 * the message. UPDATE=1 writes the second anew.
 */
const GOLDEN = new URL('../test/golden/injector/', import.meta.url);

const settings: AdmissionSettings = {
  systemNamespace: 'remora-system',
  sidecar: {
    image: 'example.com/remora:0.1.0',
    imagePullPolicy: 'IfNotPresent',
    version: '0.1.0',
    controlPlane: 'remora-control-plane.remora-system.svc:15010',
    controlPlaneName: 'remora-control-plane.remora-system.svc',
    logLevel: 'info',
    accessLog: 'off',
    resources: {
      cpuRequest: '50m',
      cpuLimit: undefined,
      memoryRequest: '96Mi',
      memoryLimit: '256Mi',
    },
  },
};

for (const name of readdirSync(GOLDEN).filter((entry) => !entry.includes('.'))) {
  const folder = new URL(`${name}/`, GOLDEN);
  const pod = parse(readFileSync(new URL('pod.yaml', folder), 'utf8')) as Pod;
  const ask = (object: Pod, rest = {}) =>
    answer(
      {
        apiVersion: 'admission.k8s.io/v1',
        kind: 'AdmissionReview',
        request: {
          uid: `uid-of-${name}`,
          kind: { group: '', version: 'v1', kind: 'Pod' },
          operation: 'CREATE',
          namespace: 'shop',
          object,
          ...rest,
        },
      },
      settings,
    );

  test(`${name}: the answer is as recorded`, () => {
    const before = structuredClone(pod);
    const { review, action, reason } = ask(pod, { dryRun: name === 'dry-run' });
    const { patch, warnings, allowed, status } = review.response;
    const outcome = {
      action,
      reason,
      allowed,
      ...(status ? { message: status.message } : {}),
      ...(warnings ? { warnings } : {}),
      ...(patch ? { patch: decode(patch) } : {}),
    };
    const file = new URL('patch.golden.json', folder);
    if (process.env.UPDATE === '1') writeFileSync(file, `${JSON.stringify(outcome, null, 2)}\n`);
    assert.ok(existsSync(file), `${name} has no patch.golden.json: run with UPDATE=1`);
    assert.deepEqual(outcome, JSON.parse(readFileSync(file, 'utf8')));
    assert.deepEqual(pod, before, 'the pod in hand was changed');
    assert.equal(review.response.uid, `uid-of-${name}`);
  });

  test(`${name}: asked again, nothing is added twice`, () => {
    const { patch } = ask(pod).review.response;
    if (patch === undefined) return;
    const patched = applyPatch(pod, decode(patch));
    assert.equal(patched.metadata?.labels?.[SIDECAR_LABEL], 'enabled');
    assert.equal(patched.metadata?.annotations?.[ANNOTATION.injected], '0.1.0');
    const again = ask(patched);
    assert.deepEqual([again.action, again.reason], ['skip', 'already-injected']);
    assert.equal(again.review.response.patch, undefined);
  });
}

test('a dry run is answered as any other request', () => {
  const read = (name: string): Pod =>
    parse(readFileSync(new URL(`${name}/pod.yaml`, GOLDEN), 'utf8')) as Pod;
  const review = (dryRun: boolean) => ({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'a',
      kind: { kind: 'Pod' },
      operation: 'CREATE',
      namespace: 'shop',
      dryRun,
      object: read('dry-run'),
    },
  });
  assert.deepEqual(answer(review(true), settings), answer(review(false), settings));
});

function decode(patch: string): PatchOperation[] {
  return JSON.parse(Buffer.from(patch, 'base64').toString('utf8')) as PatchOperation[];
}
