import { fileURLToPath } from 'node:url';

/** The schema files, in the folder that holds this file (in an image: that holds the bundle). */
export const PROTO_FILES = ['config', 'identity', 'election', 'telemetry'].map((name) =>
  fileURLToPath(new URL(`./remora/v1/${name}.proto`, import.meta.url)),
);
