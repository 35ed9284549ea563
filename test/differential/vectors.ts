import type { Vector } from './vector.ts';
import { CHUNKS } from './vectors/chunks.ts';
import { FRAMING } from './vectors/framing.ts';
import { HEADER_FORMS } from './vectors/header-forms.ts';
import { SEMANTICS } from './vectors/semantics.ts';
import { SMUGGLING } from './vectors/smuggling.ts';
import { TARGETS } from './vectors/targets.ts';
import { TRAILERS } from './vectors/trailers.ts';

/** All request vectors, by theme. */
export const THEMES: Readonly<Record<string, readonly Vector[]>> = {
  framing: FRAMING,
  chunks: CHUNKS,
  trailers: TRAILERS,
  smuggling: SMUGGLING,
  'header-forms': HEADER_FORMS,
  targets: TARGETS,
  semantics: SEMANTICS,
};
