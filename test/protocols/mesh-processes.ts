import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { processesOf, type TestFolder } from '../local/local-mesh.ts';

/**
 * The processes of a mesh as this process sees them. The mesh has a process
 * namespace of its own, and tells numbers that are valid there.
 */
export class MeshProcesses {
  /** The supervisor, which lives in the node's namespaces. */
  readonly supervisor: number;
  readonly #namespace: string;

  /** @throws Error when the mesh of that folder does not run in namespaces */
  constructor(folder: TestFolder) {
    const own = readlinkSync('/proc/self/ns/pid');
    const found = processesOf(folder).find(
      ({ pid, command }) => command.includes('local/main.ts') && namespaceOf(pid) !== own,
    );
    if (found === undefined) throw new Error('the mesh has no process namespace of its own');
    this.supervisor = found.pid;
    this.#namespace = namespaceOf(found.pid) ?? '';
  }

  /** @param inner the number that the mesh tells */
  outerPid(inner: number): number {
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name) || namespaceOf(Number(name)) !== this.#namespace) continue;
      if (innermostPid(Number(name)) === inner) return Number(name);
    }
    throw new Error(`the mesh has no process ${inner}`);
  }
}

/** Undefined when the process is gone, or is none of ours. */
function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

function innermostPid(pid: number): number | undefined {
  try {
    const numbers = /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(numbers?.split(/\s+/).at(-1));
  } catch {
    return undefined;
  }
}
