import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './command.ts';

export const PROJECT = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

/** One shell line each; `{tag}` and `{folder}` are put in. An empty one is left out. */
const BUILD = process.env.E2E_BUILD_IMAGE ?? 'docker build -q -t {tag} {folder}';
const LOAD = process.env.E2E_LOAD_IMAGE ?? 'kind load docker-image {tag}';

const WORKLOADS = 'test/e2e/fixtures/workloads';
/** What goes into the image; a change of any of it gives another tag. */
const SOURCES = [
  'Dockerfile',
  '.dockerignore',
  'build.ts',
  'package.json',
  'package-lock.json',
  'proto',
  'runtime',
  'control-plane',
  'sidecar',
  'injector',
];

/** An image with a tag made of its sources, so that an image is built once for what it holds. */
export interface Image {
  repository: string;
  tag: string;
}

/** `repository:tag` */
export function reference(image: Image): string {
  return `${image.repository}:${image.tag}`;
}

export async function meshImage(): Promise<Image> {
  return { repository: 'remora-e2e', tag: await digest(SOURCES) };
}

export async function workloadImage(): Promise<Image> {
  return { repository: 'remora-e2e-workloads', tag: await digest([WORKLOADS]) };
}

/** Builds and loads both images. */
export async function buildImages(): Promise<void> {
  const images = [
    { image: await meshImage(), folder: PROJECT },
    { image: await workloadImage(), folder: join(PROJECT, WORKLOADS) },
  ];
  for (const { image, folder } of images) {
    for (const line of [BUILD, LOAD]) {
      if (line.trim() === '') continue;
      const command = line
        .replaceAll('{tag}', reference(image))
        .replaceAll('{folder}', quote(folder));
      await run('sh', ['-c', command], { timeoutMs: 1_200_000 });
    }
  }
}

async function digest(paths: readonly string[]): Promise<string> {
  const listed = await run(
    'git',
    ['ls-files', '--cached', '--others', '--exclude-standard', '-z', '--', ...paths],
    { cwd: PROJECT },
  );
  const hash = createHash('sha256');
  for (const file of listed
    .split('\0')
    .filter((name) => name !== '')
    .sort()) {
    if (file.endsWith('.test.ts')) continue;
    const content = await readFile(join(PROJECT, file)).catch(() => undefined);
    if (content !== undefined) hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex').slice(0, 12);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
