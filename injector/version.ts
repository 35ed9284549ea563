import manifest from '../package.json' with { type: 'json' };

/** Of this release; stands in the annotation of the pods that it patched. */
export const VERSION: string = manifest.version;
