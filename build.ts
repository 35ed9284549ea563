import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build as bundle, type Metafile, type Plugin } from 'esbuild';
import { PROTO_FILES } from './proto/files.ts';

const ROOT = fileURLToPath(new URL('.', import.meta.url));

/** One bundle per process: a process loads what it needs, and nothing of the others. */
export const PROCESSES = {
  'control-plane': 'control-plane/main.ts',
  sidecar: 'sidecar/main.ts',
  injector: 'injector/main.ts',
  init: 'injector/init.ts',
} as const;

export type ProcessName = keyof typeof PROCESSES;

/**
 * Names stay, so that traces of errors can be read. What is only there for readers goes:
 * a process keeps the whole text of its program in memory, 4 MB less of it with this.
 */
const COMPACT = { minifyWhitespace: true, minifySyntax: true, lineLimit: 200 } as const;

/** What CommonJS packages inside an ES module still ask for. */
const BANNER = `import { createRequire as createRequireForBundle } from 'node:module';
const require = createRequireForBundle(import.meta.url);`;

/**
 * Node's own modules are required, not imported: an import reads every export of a
 * module, and some of them load what nobody uses. With `node:http` come WebSocket and
 * fetch, which cost each process 4 MB.
 */
const REQUIRED_BUILTINS: Plugin = {
  name: 'required-builtins',
  setup({ onResolve, onLoad }) {
    const namespace = 'builtin';
    onResolve({ filter: /^[a-z_:/0-9]+$/ }, ({ path, namespace: from }) => {
      if (!isBuiltin(path)) return undefined;
      return from === namespace ? { path, external: true } : { path, namespace };
    });
    onLoad({ filter: /.*/, namespace }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)});`,
    }));
  },
};

/**
 * Writes `<process>.js`, the schema files and the native module into a folder
 * that needs nothing beside it, and to `meta/` what went into each bundle.
 */
export async function buildProcesses(
  folder: string,
  names: readonly ProcessName[] = Object.keys(PROCESSES) as ProcessName[],
): Promise<Map<ProcessName, Metafile>> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'meta'), { recursive: true });
  const metafiles = new Map<ProcessName, Metafile>();
  for (const name of names) {
    const { metafile } = await bundle({
      absWorkingDir: ROOT,
      entryPoints: [PROCESSES[name]],
      outfile: join(folder, `${name}.js`),
      bundle: true,
      platform: 'node',
      target: 'node24',
      format: 'esm',
      banner: { js: BANNER },
      plugins: [REQUIRED_BUILTINS],
      // Holds a native module, which no bundle can.
      external: ['koffi'],
      ...COMPACT,
      metafile: true,
      logLevel: 'warning',
    });
    writeFileSync(join(folder, 'meta', `${name}.json`), JSON.stringify(metafile));
    metafiles.set(name, metafile);
  }
  for (const file of PROTO_FILES) cpSync(file, join(folder, 'remora/v1', basename(file)));
  if (names.includes('sidecar')) {
    copyKoffi(folder);
    await bundleRedisClient(folder);
  }
  if (names.includes('sidecar') || names.includes('control-plane')) copyRe2(folder);
  // The bundles are ES modules wherever the folder is taken.
  writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }\n');
  return metafiles;
}

/** The JavaScript of koffi and its native module for this machine and glibc. */
function copyKoffi(folder: string): void {
  const native = `@koromix/koffi-${process.platform}-${process.arch}`;
  for (const path of ['koffi/package.json', 'koffi/index.js', 'koffi/src/koffi', native]) {
    cpSync(join(ROOT, 'node_modules', path), join(folder, 'node_modules', path), {
      recursive: true,
      filter: (source) => !/CMakeLists|musl/.test(basename(source)),
    });
  }
}

/**
 * Loaded when it is needed (`sidecar/policy/rate-limit/redis-store.ts`), so that it is in no
 * bundle. Its hundreds of files become one, which takes a third less memory.
 */
async function bundleRedisClient(folder: string): Promise<void> {
  const name = 'node_modules/@redis/client';
  await bundle({
    absWorkingDir: ROOT,
    entryPoints: [`./${name}/dist/index.js`],
    outfile: join(folder, name, 'dist/index.js'),
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    external: ['@opentelemetry/api', '@node-rs/xxhash'],
    ...COMPACT,
    logLevel: 'warning',
  });
  cpSync(join(ROOT, name, 'package.json'), join(folder, name, 'package.json'));
}

/** Loaded when it is needed (`runtime/regular-expression.ts`), so that it is in no bundle. */
function copyRe2(folder: string): void {
  for (const path of ['re2js/package.json', 're2js/LICENSE', 're2js/build/index.cjs']) {
    cpSync(join(ROOT, 'node_modules', path), join(folder, 'node_modules', path));
  }
}

if (import.meta.main) await buildProcesses(join(ROOT, 'dist'));
