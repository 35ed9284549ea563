import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { NAMESPACE, type ProtocolMesh } from '../protocols/protocol-mesh.ts';

const CHURN = fileURLToPath(new URL('manifests/churn.yaml', import.meta.url));
const CHANGE_MS = 1_000;
/** So many changes of routes and policies to one of the pods. */
const CHANGES_BETWEEN_PODS = 20;

/** Changes the configuration each second: routes, policies, and now and then the pods of one service. */
export class ConfigChurn {
  changes = 0;
  readonly #mesh: ProtocolMesh;
  #timer: NodeJS.Timeout | undefined;

  constructor(mesh: ProtocolMesh) {
    this.#mesh = mesh;
  }

  start(): void {
    this.#timer = setInterval(() => this.#change(), CHANGE_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #change(): void {
    this.changes += 1;
    const { changes } = this;
    if (changes % CHANGES_BETWEEN_PODS === 0) {
      const replicas = (changes / CHANGES_BETWEEN_PODS) % 2 === 0 ? 1 : 2;
      const text = readFileSync(CHURN, 'utf8').replace(/replicas: \d/, `replicas: ${replicas}`);
      this.#mesh.write('churn.yaml', text);
    } else if (changes % 2 === 0) {
      this.#mesh.write('churn-route.yaml', route(changes));
    } else {
      this.#mesh.write('churn-policy.yaml', policy(changes));
    }
  }
}

/** Rules come and go, and none of them changes where requests end up. */
function route(change: number): string {
  const backendRefs = [{ name: 'http', port: 80 }];
  const extra = Array.from({ length: change % 5 }, (_, i) => ({
    matches: [{ path: { type: 'PathPrefix', value: `/none-${change}-${i}` } }],
    backendRefs,
  }));
  return JSON.stringify({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'churn', namespace: NAMESPACE },
    spec: {
      parentRefs: [{ group: '', kind: 'Service', name: 'http', port: 80 }],
      rules: [...extra, { backendRefs }],
    },
  });
}

function policy(change: number): string {
  return JSON.stringify({
    apiVersion: 'remora.dev/v1alpha1',
    kind: 'TrafficPolicy',
    metadata: { name: 'churn', namespace: NAMESPACE },
    spec: {
      targetRefs: [{ kind: 'Service', name: 'http' }],
      timeouts: { request: `${60 + (change % 60)}s` },
      ...(change % 3 === 0 ? { circuitBreaker: { consecutiveErrors: 100 } } : {}),
    },
  });
}
