import type { IssuedCertificate } from '../../runtime/identity/certificate-client.ts';
import type { Wanted } from '../config/store.ts';
import type { SidecarEnvironment } from '../environment.ts';
import type { Source } from '../source.ts';
import type { ConfigChange } from './config-change.ts';
import type { EndpointChange, TrafficChange } from './traffic-change.ts';

/** What a further thread is born with. */
export interface ThreadStart
  extends Pick<Source, 'pod' | 'listeners' | 'accessLog' | 'needsCertificate'> {
  /** From 2: the main thread is the first. */
  readonly thread: number;
  readonly environment: SidecarEnvironment;
  /** Ports that the main thread alone opens. */
  readonly ports: readonly number[];
}

/** From the main thread. Both lists are answered in order. */
export type ToThread =
  | { readonly kind: 'config'; readonly change: ConfigChange }
  | { readonly kind: 'certificate'; readonly certificate: IssuedCertificate }
  | { readonly kind: 'log-level'; readonly level: string }
  | { readonly kind: 'describe' }
  /** The lines that were told last are written or dropped; more may be told. */
  | { readonly kind: 'lines-taken' }
  | { readonly kind: 'stop'; readonly part: ThreadPart }
  /** Patience has ended: what is left of the part under way is cut. */
  | { readonly kind: 'cut' };

export type ThreadPart = 'inbound' | 'outbound';

/** To the main thread. */
export type FromThread =
  | { readonly kind: 'serving' }
  | { readonly kind: 'failed'; readonly code: string; readonly sentence: string }
  | { readonly kind: 'wanted'; readonly wanted: Wanted }
  | { readonly kind: 'traffic'; readonly change: TrafficChange }
  | { readonly kind: 'endpoint'; readonly change: EndpointChange }
  /** Of the logs. `dropped` were lost since the last time. */
  | { readonly kind: 'lines'; readonly lines: string; readonly dropped: number }
  | { readonly kind: 'described'; readonly clusters: object }
  | { readonly kind: 'stopped'; readonly part: ThreadPart };
