import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** What a folder of resources holds, all the way down. */
export interface FolderListing {
  /** Paths of YAML and JSON files, in order. */
  readonly files: readonly FoundFile[];
  /** The folder and all folders below, for watching. */
  readonly folders: readonly string[];
}

export interface FoundFile {
  readonly path: string;
  readonly size: number;
  /** Changes whenever the file was written or replaced. */
  readonly fingerprint: string;
  readonly modifiedMs: number;
}

const FILE_PATTERN = /\.(ya?ml|json)$/;
const MAX_DEPTH = 32;

/**
 * Lists a folder. Links are followed (a mounted ConfigMap consists of them);
 * names that begin with a dot and `node_modules` are left out. A folder that is
 * reached in several ways, as through a link to one above, is read once. Rejects
 * when the folder itself cannot be read; what vanishes below meanwhile is left out.
 */
export async function listFolder(folder: string): Promise<FolderListing> {
  const files: FoundFile[] = [];
  const folders: string[] = [];
  const visited = new Set<string>();
  const visit = async (path: string, depth: number): Promise<void> => {
    const names = (await readdir(path)).sort();
    folders.push(path);
    for (const name of names) {
      if (name.startsWith('.') || name === 'node_modules') continue;
      const child = join(path, name);
      const status = await stat(child, { bigint: true }).catch(() => undefined);
      if (status?.isDirectory() && depth < MAX_DEPTH) {
        const identity = `${status.dev}:${status.ino}`;
        if (visited.has(identity)) continue;
        visited.add(identity);
        await visit(child, depth + 1).catch(() => undefined);
      } else if (status?.isFile() && FILE_PATTERN.test(name)) {
        files.push({
          path: child,
          size: Number(status.size),
          fingerprint: `${status.dev}:${status.ino}:${status.size}:${status.mtimeNs}:${status.ctimeNs}`,
          modifiedMs: Number(status.mtimeMs),
        });
      }
    }
  };
  const { dev, ino } = await stat(folder, { bigint: true });
  visited.add(`${dev}:${ino}`);
  await visit(folder, 0);
  return { files, folders };
}
