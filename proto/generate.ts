import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PROTO_FILES } from './files.ts';

/**
 * Writes the TypeScript types of the messages into a folder. The flags repeat
 * `LOADER_OPTIONS`: the types describe what the loader makes.
 */
export function generateProtoTypes(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  const generator = fileURLToPath(
    new URL(
      '../node_modules/@grpc/proto-loader/build/bin/proto-loader-gen-types.js',
      import.meta.url,
    ),
  );
  execFileSync(process.execPath, [
    generator,
    ...['--longs', 'Number', '--enums', 'String'],
    ...['--defaults', '--arrays', '--objects', '--oneofs', '--includeComments'],
    ...['--grpcLib', '@grpc/grpc-js', '--importFileExtension', '.ts', '--outDir', folder],
    ...PROTO_FILES,
  ]);
  // Each file begins with the absolute path of its schema, which differs by machine.
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue;
    const file = join(folder, name);
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^\/\/ Original file: .*\n+/, ''));
  }
}

if (import.meta.main) generateProtoTypes(fileURLToPath(new URL('./gen', import.meta.url)));
