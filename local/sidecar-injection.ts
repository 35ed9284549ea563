import { decide } from '../injector/decide.ts';
import { applyPatch } from '../injector/json-patch.ts';
import { buildPatch } from '../injector/patch.ts';
import type { Pod as InjectedPod } from '../injector/pod.ts';
import { SYSTEM_NAMESPACE } from '../proto/well-known.ts';
import { SIDECAR_IMAGE } from './image-folders.ts';
import type { Pod } from './objects.ts';

/** How the injector's answer looks to local mode, which stands in for the API server. */
export type InjectionResult =
  | { readonly kind: 'injected'; readonly pod: Pod }
  | { readonly kind: 'left-alone'; readonly pod: Pod; readonly warnings: readonly string[] }
  | { readonly kind: 'refused'; readonly message: string };

/** What all sidecars of this mesh have in common. */
export interface InjectionSettings {
  /** `host:port` */
  readonly controlPlane: string;
  /** The name that its certificate has. */
  readonly controlPlaneName: string;
  readonly logLevel: string;
  /** Of sidecars whose pod does not say: `off`, `text` or `json`. */
  readonly accessLog: string;
}

/** Lets the injector's own functions decide about a pod and patch it. Pure. */
export function injectSidecar(
  pod: Pod,
  namespaceLabels: Readonly<Record<string, string>>,
  settings: InjectionSettings,
): InjectionResult {
  // As JSON, as an admission review carries it.
  const reviewed: InjectedPod = JSON.parse(JSON.stringify(pod));
  const decision = decide({
    pod: reviewed,
    namespace: pod.metadata.namespace ?? 'default',
    namespaceLabels,
    systemNamespace: SYSTEM_NAMESPACE,
  });
  if (decision.action === 'refuse') return { kind: 'refused', message: decision.message };
  if (decision.action === 'skip') {
    return { kind: 'left-alone', pod, warnings: decision.warnings };
  }
  const patch = buildPatch(reviewed, decision.options, {
    image: SIDECAR_IMAGE,
    imagePullPolicy: 'Never',
    version: 'local',
    controlPlane: settings.controlPlane,
    controlPlaneName: settings.controlPlaneName,
    logLevel: settings.logLevel,
    accessLog: settings.accessLog,
    resources: {
      cpuRequest: undefined,
      cpuLimit: undefined,
      memoryRequest: undefined,
      memoryLimit: undefined,
    },
  });
  return { kind: 'injected', pod: applyPatch(pod, patch) };
}
