import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { customResourceFiles } from './definition.ts';

const folder = fileURLToPath(new URL('../../charts/remora/files/crds/', import.meta.url));
mkdirSync(folder, { recursive: true });
for (const [file, text] of customResourceFiles()) writeFileSync(`${folder}${file}`, text);
