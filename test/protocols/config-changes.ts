import { NAMESPACE } from './protocol-mesh.ts';
import { programPath, type Subject } from './subject.ts';

/**
 * Changes what the client's sidecar holds of a service, again and again, and
 * returns when the last change is in force there. Each is waited for, so that
 * none is passed over.
 *
 * @param timeoutMs about what requests may take while this goes on
 */
export async function changeConfig(
  subject: Subject,
  service: string,
  timeoutMs: number,
): Promise<void> {
  const { mesh, effort } = subject;
  const watcher = subject.start(process.execPath, [programPath('watch-config.ts')]);
  await watcher.noted('change 0');
  const file = `${service}-route.yaml`;
  for (let i = 1; i <= effort.changes; i += 1) {
    mesh.write(file, routeTo(service, timeoutMs + i));
    await watcher.noted(`change ${i}`);
  }
  mesh.remove(file);
  watcher.kill();
}

/** A route that differs by its time limit. */
function routeTo(service: string, timeoutMs: number): string {
  return JSON.stringify({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: service, namespace: NAMESPACE },
    spec: {
      parentRefs: [{ group: '', kind: 'Service', name: service, port: 80 }],
      rules: [
        { backendRefs: [{ name: service, port: 80 }], timeouts: { request: `${timeoutMs}ms` } },
      ],
    },
  });
}
