import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MeshError } from '../runtime/errors.ts';
import { type AdmissionSettings, answer } from './admission.ts';

const settings: AdmissionSettings = {
  systemNamespace: 'remora-system',
  sidecar: {
    image: 'remora:1',
    imagePullPolicy: undefined,
    version: '1',
    controlPlane: 'control-plane:15010',
    controlPlaneName: 'control-plane',
    logLevel: 'info',
    accessLog: 'off',
    resources: {
      cpuRequest: undefined,
      cpuLimit: undefined,
      memoryRequest: undefined,
      memoryLimit: undefined,
    },
  },
};

const review = (request: unknown): unknown => ({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request,
});

const create = { uid: 'u1', kind: { kind: 'Pod' }, operation: 'CREATE', namespace: 'shop' };

const strangers: readonly { name: string; body: unknown; saying: RegExp }[] = [
  { name: 'nothing', body: null, saying: /no AdmissionReview/ },
  { name: 'a list', body: [], saying: /no AdmissionReview/ },
  {
    name: 'an older version',
    body: { apiVersion: 'admission.k8s.io/v1beta1', kind: 'AdmissionReview', request: create },
    saying: /no AdmissionReview of admission\.k8s\.io\/v1/,
  },
  { name: 'a review without a request', body: review(undefined), saying: /holds no request/ },
  { name: 'a request without a uid', body: review({ ...create, uid: 7 }), saying: /no uid/ },
];

for (const { name, body, saying } of strangers) {
  test(`${name} is no admission review`, () => {
    assert.throws(
      () => answer(body, settings),
      (error: unknown) =>
        error instanceof MeshError && error.code === 'bad-review' && saying.test(error.message),
    );
  });
}

const closed: readonly { name: string; request: object; code: number; saying: RegExp }[] = [
  {
    name: 'a request that names no operation',
    request: { uid: 'u1' },
    code: 400,
    saying: /which operation/,
  },
  { name: 'a pod that is missing', request: create, code: 400, saying: /holds no pod/ },
  {
    name: 'a namespace that is missing',
    request: { ...create, namespace: '', object: {} },
    code: 400,
    saying: /no namespace/,
  },
  {
    name: 'a pod whose containers are no list',
    request: { ...create, object: { spec: { containers: { a: 1 } } } },
    code: 500,
    saying: /injector failed/,
  },
  {
    name: 'a pod whose annotations are no texts',
    request: {
      ...create,
      object: {
        metadata: { annotations: { 'remora.dev/exclude-inbound-ports': 80 } },
        spec: { containers: [{ name: 'main' }] },
      },
    },
    code: 403,
    saying: /exclude-inbound-ports/,
  },
];

for (const { name, request, code, saying } of closed) {
  test(`${name} is refused, with the uid of the request`, () => {
    const { response } = answer(review(request), settings).review;
    assert.equal(response.uid, 'u1');
    assert.equal(response.allowed, false);
    assert.equal(response.status?.code, code);
    assert.match(response.status?.message ?? '', saying);
    assert.equal(response.patch, undefined);
  });
}

for (const [operation, kind] of [
  ['UPDATE', 'Pod'],
  ['DELETE', 'Pod'],
  ['CREATE', 'Service'],
] as const) {
  test(`${operation} of a ${kind} is let through`, () => {
    const { review: answered, action } = answer(
      review({ ...create, operation, kind: { kind } }),
      settings,
    );
    assert.equal(action, 'skip');
    assert.deepEqual(answered.response, {
      uid: 'u1',
      allowed: true,
      auditAnnotations: { decision: 'skip', reason: 'not-a-new-pod' },
    });
  });
}
