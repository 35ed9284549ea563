import { describeError, MeshError } from '../runtime/errors.ts';
import type { SidecarConfig } from './container.ts';
import { type Decision, decide } from './decide.ts';
import { buildPatch } from './patch.ts';
import type { Pod } from './pod.ts';

/** The injector's answer, and what it decided. */
export interface Verdict {
  /** The AdmissionReview that goes back. */
  review: AdmissionReview;
  /** For metrics and logs. */
  action: Decision['action'] | 'error';
  reason: string;
}

/** `admission.k8s.io/v1`, as answered. */
export interface AdmissionReview {
  apiVersion: 'admission.k8s.io/v1';
  kind: 'AdmissionReview';
  response: AdmissionResponse;
}

export interface AdmissionResponse {
  /** Of the request, always. */
  uid: string;
  allowed: boolean;
  status?: { code: number; reason: string; message: string };
  warnings?: readonly string[];
  patchType?: 'JSONPatch';
  /** Base64 of the JSON text. */
  patch?: string;
  /** Kept in the API server's audit log. */
  auditAnnotations?: Record<string, string>;
}

export interface AdmissionSettings {
  sidecar: SidecarConfig;
  /** The namespace of the control plane and the injector. */
  systemNamespace: string;
}

/** What is used of an AdmissionRequest. */
interface AdmissionRequest {
  uid: string;
  operation: string;
  kind: string;
  namespace: string;
  object: Pod;
}

/**
 * Answers one AdmissionReview. Pure: a dry run is answered like any other
 * request, and nothing is remembered.
 *
 * @throws MeshError `bad-review` when it is none: then there is no uid to answer to.
 */
export function answer(review: unknown, settings: AdmissionSettings): Verdict {
  const uid = readUid(review);
  let request: AdmissionRequest;
  try {
    request = readRequest(review, uid);
  } catch (error) {
    return denied(uid, 'error', 'bad-review', 400, describeError(error));
  }
  if (request.kind !== 'Pod' || request.operation !== 'CREATE') {
    return admitted(uid, 'skip', 'not-a-new-pod', {});
  }
  try {
    const decision = decide({
      pod: request.object,
      namespace: request.namespace,
      // The API server has matched them with the namespaceSelector.
      namespaceLabels: undefined,
      systemNamespace: settings.systemNamespace,
    });
    return verdict(uid, request.object, decision, settings.sidecar);
  } catch (error) {
    // Fails closed: a pod that should be inside the mesh must not start outside of it.
    const sentence = `Remora's injector failed: ${describeError(error)}. This is a defect of the injector; its log has more`;
    return denied(uid, 'error', 'internal', 500, sentence);
  }
}

function verdict(uid: string, pod: Pod, decision: Decision, sidecar: SidecarConfig): Verdict {
  switch (decision.action) {
    case 'inject': {
      const patch = JSON.stringify(buildPatch(pod, decision.options, sidecar));
      return admitted(uid, 'inject', 'enabled', {
        warnings: decision.warnings,
        patchType: 'JSONPatch',
        patch: Buffer.from(patch).toString('base64'),
      });
    }
    case 'skip':
      return admitted(uid, 'skip', decision.reason, { warnings: decision.warnings });
    case 'refuse':
      return denied(uid, 'refuse', decision.reason, 403, decision.message);
  }
}

function admitted(
  uid: string,
  action: Verdict['action'],
  reason: string,
  rest: Pick<AdmissionResponse, 'warnings' | 'patch' | 'patchType'>,
): Verdict {
  const { warnings = [], ...patch } = rest;
  return wrap(action, reason, {
    uid,
    allowed: true,
    ...patch,
    ...(warnings.length > 0 ? { warnings: warnings.map((warning) => `remora: ${warning}`) } : {}),
  });
}

function denied(
  uid: string,
  action: Verdict['action'],
  reason: string,
  code: number,
  message: string,
): Verdict {
  const status = { code, reason: code === 403 ? 'Forbidden' : 'InternalError', message };
  return wrap(action, reason, { uid, allowed: false, status });
}

function wrap(action: Verdict['action'], reason: string, response: AdmissionResponse): Verdict {
  return {
    action,
    reason,
    review: {
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: { ...response, auditAnnotations: { decision: action, reason } },
    },
  };
}

function readUid(review: unknown): string {
  if (!isObject(review) || review.apiVersion !== 'admission.k8s.io/v1') {
    throw new MeshError('bad-review', 'the body is no AdmissionReview of admission.k8s.io/v1');
  }
  const request = review.request;
  if (review.kind !== 'AdmissionReview' || !isObject(request)) {
    throw new MeshError('bad-review', 'the AdmissionReview holds no request');
  }
  if (typeof request.uid !== 'string' || request.uid === '') {
    throw new MeshError('bad-review', 'the request has no uid');
  }
  return request.uid;
}

function readRequest(review: unknown, uid: string): AdmissionRequest {
  const request = isObject(review) && isObject(review.request) ? review.request : {};
  const { operation, namespace, kind, object } = request;
  if (typeof operation !== 'string' || !isObject(kind) || typeof kind.kind !== 'string') {
    throw new MeshError('bad-review', 'the request does not say which operation on which kind');
  }
  if (kind.kind === 'Pod' && operation === 'CREATE') {
    if (!isObject(object)) throw new MeshError('bad-review', 'the request holds no pod');
    if (typeof namespace !== 'string' || namespace === '') {
      throw new MeshError('bad-review', 'the request names no namespace');
    }
  }
  return {
    uid,
    operation,
    kind: kind.kind,
    namespace: typeof namespace === 'string' ? namespace : '',
    // The API server has checked it against the schema of pods before it asked us.
    object: (object ?? {}) as Pod,
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
