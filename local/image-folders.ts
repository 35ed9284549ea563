import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import { describeError, MeshError } from '../runtime/errors.ts';
import type { Container } from './objects.ts';

/** The folder of this checkout. */
export const CHECKOUT = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** The image under which local mode injects the sidecar. */
export const SIDECAR_IMAGE = 'remora:local';

const localFile = z.strictObject({
  manifests: z.string().default('.'),
  images: z
    .record(
      z.string(),
      z.strictObject({
        folder: z.string(),
        mountPath: z.string().regex(/^\//, 'must begin with /').default('/app'),
        command: z.array(z.string()).min(1).optional(),
      }),
    )
    .default({}),
});

/** What stands for an image: a folder of this machine. */
interface ImageFolder {
  folder: string;
  /** Where the image has that folder. */
  mountPath: string;
  /** For containers that name none: what the image's ENTRYPOINT would be. */
  command: readonly string[] | undefined;
}

/** What local mode was told to run. */
export interface LocalFolder {
  folder: string;
  manifests: string;
  images: ImageFolders;
}

/**
 * Reads `local.yaml` of a folder. Without that file the manifests are in the
 * folder itself, and commands are run as they stand.
 *
 * @throws MeshError `bad-folder`
 */
export async function readLocalFolder(folder: string): Promise<LocalFolder> {
  if (!existsSync(folder)) {
    throw new MeshError('bad-folder', `there is no folder ${folder}: name one with manifests`);
  }
  const path = join(folder, 'local.yaml');
  let content: unknown = {};
  try {
    if (existsSync(path)) content = parse(await readFile(path, 'utf8')) ?? {};
  } catch (error) {
    throw new MeshError('bad-folder', `${path} cannot be read: ${describeError(error)}`);
  }
  const result = localFile.safeParse(content);
  if (!result.success) {
    const reasons = result.error.issues.map(
      (issue) => `${issue.path.join('.') || 'file'}: ${issue.message}`,
    );
    throw new MeshError('bad-folder', `${path} is wrong: ${reasons.join('; ')}`);
  }
  const manifests = resolve(folder, result.data.manifests);
  if (!existsSync(manifests)) {
    throw new MeshError('bad-folder', `${path}: there is no folder ${manifests}`);
  }
  const images = new Map<string, ImageFolder>();
  for (const [image, { folder: relative, mountPath, command }] of Object.entries(
    result.data.images,
  )) {
    images.set(image, { folder: resolve(folder, relative), mountPath, command });
  }
  return { folder, manifests, images: new ImageFolders(images) };
}

/** A program to start on this machine. */
export interface LocalCommand {
  command: string;
  args: string[];
  workingFolder: string;
}

/** Turns the command of a container into one of this machine. */
export class ImageFolders {
  readonly #images: ReadonlyMap<string, ImageFolder>;

  constructor(images: ReadonlyMap<string, ImageFolder>) {
    this.#images = images;
  }

  /** @throws MeshError `no-command` when nothing says what to run. */
  command(container: Container): LocalCommand {
    const image = container.image ?? '';
    if (image === SIDECAR_IMAGE) return sidecarCommand(container);
    const known = this.#images.get(image);
    const words = [...(container.command ?? known?.command ?? []), ...(container.args ?? [])];
    const [first, ...rest] = words.map((word) => localPath(word, known));
    if (first === undefined) {
      throw new MeshError(
        'no-command',
        `container ${container.name} names no command, and local mode has no images: add a command to the container, or to image "${image}" in local.yaml`,
      );
    }
    return {
      command: first === 'node' ? process.execPath : first,
      args: rest,
      workingFolder: localPath(container.workingDir ?? known?.mountPath ?? '/', known),
    };
  }
}

function localPath(word: string, image: ImageFolder | undefined): string {
  if (image === undefined) return word;
  if (word === image.mountPath) return image.folder;
  const inside = word.startsWith(`${image.mountPath}/`);
  return inside ? join(image.folder, word.slice(image.mountPath.length + 1)) : word;
}

const SOURCES: Readonly<Record<string, string>> = {
  '/app/sidecar.js': 'sidecar/main.ts',
  '/app/init.js': 'injector/init.ts',
};

/** Remora's own image is this checkout: `/app/sidecar.js` is `sidecar/main.ts`. */
function sidecarCommand(container: Container): LocalCommand {
  const words = (container.command ?? []).map((word) => {
    const source = SOURCES[word];
    return source === undefined ? word : join(CHECKOUT, source);
  });
  return { command: process.execPath, args: words.slice(1), workingFolder: CHECKOUT };
}
