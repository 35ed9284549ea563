import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { CertifyRequest__Output } from '../../proto/gen/remora/v1/CertifyRequest.ts';
import type { CertifyResponse } from '../../proto/gen/remora/v1/CertifyResponse.ts';
import { v1 } from '../../proto/load.ts';
import { INJECTOR_NAME, spiffeId } from '../../proto/well-known.ts';
import type { Clock } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import type { ControlPlaneMetrics } from '../metrics.ts';
import type { StreamCalls } from '../stream/call.ts';
import { Outbox } from '../stream/outbox.ts';
import type { GrpcService } from '../stream/server.ts';
import type { CertificateAuthority } from './authority.ts';
import type { CallerIdentity } from './types.ts';
import { readSigningRequest, type SubjectNames } from './x509.ts';

export interface IdentityServiceOptions {
  readonly calls: StreamCalls;
  readonly authority: CertificateAuthority;
  readonly trustDomain: string;
  /** The control plane's own namespace. */
  readonly namespace: string;
  readonly metrics: ControlPlaneMetrics;
  readonly clock: Clock;
}

const REQUEST_LIMIT_BYTES = 8 * 1024;
/** A sidecar asks twice a day; one that asks all the time is broken. */
const REQUESTS_AT_ONCE = 10;
const REQUEST_EVERY_MS = 1_000;

/** `Identity.Certify`: signs requests, and says when a new one is due. */
export function createIdentityService(options: IdentityServiceOptions): GrpcService {
  const { calls, authority, metrics, clock } = options;
  const certify = (call: ServerDuplexStream<CertifyRequest__Output, CertifyResponse>): void => {
    calls.accept('identity', call, (caller, fail) => {
      const outbox = new Outbox<CertifyResponse>(call);
      const names = namesOf(caller, options);
      let allowance = REQUESTS_AT_ONCE;
      let countedAtMs = clock.monotonicMs();
      const sendRoots = (): void =>
        outbox.send('bundle', { trustBundle: { roots: authority.roots } });
      // The roots may have changed while this client was away.
      sendRoots();
      const unsubscribe = authority.onChange(({ issuerChanged }) => {
        try {
          sendRoots();
          if (issuerChanged) outbox.send('renew', { renew: 'the issuer has changed' });
        } catch (error) {
          fail(error);
        }
      });
      return {
        onMessage({ certificateSigningRequest }) {
          const nowMs = clock.monotonicMs();
          const earned = (nowMs - countedAtMs) / REQUEST_EVERY_MS;
          allowance = Math.min(REQUESTS_AT_ONCE, allowance + earned) - 1;
          countedAtMs = nowMs;
          if (allowance < 0 || outbox.blocked) {
            throw new MeshError('too-many-requests', 'too many signing requests; wait a second');
          }
          if (certificateSigningRequest.length > REQUEST_LIMIT_BYTES) {
            throw new MeshError(
              'bad-signing-request',
              `the signing request has more than ${REQUEST_LIMIT_BYTES} bytes`,
            );
          }
          const issued = authority.issue(readSigningRequest(certificateSigningRequest), names);
          metrics.certificates.inc();
          outbox.send('certificate', {
            certificate: {
              chain: issued.chain,
              trustBundle: { roots: authority.roots },
              spiffeId: names.uris[0] ?? '',
              notBeforeMs: issued.notBeforeMs,
              notAfterMs: issued.notAfterMs,
            },
          });
        },
        onEnd: unsubscribe,
      };
    });
  };
  return { definition: v1.Identity.service, handlers: { Certify: certify } };
}

/**
 * The names that a caller may have: its SPIFFE ID. The injector alone also gets
 * DNS names, those of the Service under which the API server calls its webhook.
 */
export function namesOf(
  caller: CallerIdentity,
  options: { readonly trustDomain: string; readonly namespace: string },
): SubjectNames {
  const { namespace, serviceAccount } = caller;
  const isInjector = namespace === options.namespace && serviceAccount === INJECTOR_NAME;
  const service = `${INJECTOR_NAME}.${namespace}.svc`;
  return {
    uris: [spiffeId(options.trustDomain, namespace, serviceAccount)],
    dnsNames: isInjector ? [service, `${service}.cluster.local`] : [],
    ipAddresses: [],
  };
}
