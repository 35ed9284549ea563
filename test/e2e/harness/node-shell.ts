import { reference, workloadImage } from './images.ts';
import { apply, type ContainerStatus, execute, kubectl } from './kubectl.ts';

/**
 * A privileged pod in the node's own network and process namespaces. It sees
 * the wire between pods, is no part of the mesh, and can kill what a container
 * runs, which nobody can from within.
 */
export class NodeShell {
  readonly #namespace: string;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  async start(nodeName: string): Promise<void> {
    await apply([
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'node-shell', namespace: this.#namespace, labels: { app: 'node-shell' } },
        spec: {
          nodeName,
          hostNetwork: true,
          hostPID: true,
          terminationGracePeriodSeconds: 0,
          containers: [
            {
              name: 'app',
              image: reference(await workloadImage()),
              imagePullPolicy: 'IfNotPresent',
              command: ['sleep', 'infinity'],
              securityContext: { privileged: true },
            },
          ],
        },
      },
    ]);
    const ready = ['--for=condition=Ready', 'pod/node-shell', '--timeout=60s'];
    await kubectl(['wait', '-n', this.#namespace, ...ready]);
  }

  /** The standard output of a shell script. */
  run(script: string): Promise<string> {
    return execute({ namespace: this.#namespace, pod: 'node-shell', container: 'app' }, [
      'sh',
      '-c',
      script,
    ]);
  }

  /** Sends a signal to the main process of a container: `KILL`, `STOP`, `CONT`. */
  async signal(container: ContainerStatus, signal: 'KILL' | 'STOP' | 'CONT'): Promise<void> {
    await this.run(`kill -${signal} $(${mainProcess(container)})`);
  }

  /** Memory of a container's main process in MiB; of pages shared with others, its share (PSS). */
  async memoryMiB(container: ContainerStatus): Promise<number> {
    const kib = await this.run(
      `awk '/^Pss:/ { print $2 }' /proc/$(${mainProcess(container)})/smaps_rollup`,
    );
    return Number(kib) / 1024;
  }
}

/** A shell command that prints the container's first process: the one whose own PID there is 1. */
function mainProcess(container: ContainerStatus): string {
  const id = container.containerID?.split('//')[1];
  if (id === undefined) throw new Error(`container ${container.name} does not run`);
  return `for p in $(grep -l ${id} /proc/[0-9]*/cgroup 2>/dev/null | cut -d/ -f3); do grep -qE '^NSpid:.*[[:space:]]1$' /proc/$p/status 2>/dev/null && echo $p && break; done`;
}
