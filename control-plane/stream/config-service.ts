import type { ServerDuplexStream, ServiceDefinition } from '@grpc/grpc-js';
import type { SubscribeRequest__Output } from '../../proto/gen/remora/v1/SubscribeRequest.ts';
import { v1 } from '../../proto/load.ts';
import type { Clock } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { ControlPlaneMetrics } from '../metrics.ts';
import type { MeshState } from '../snapshot/types.ts';
import type { RefusalReports } from '../status/refusals.ts';
import type { StreamCalls } from './call.ts';
import type { GrpcService } from './server.ts';
import { ConfigSession } from './session.ts';
import type { ConfigSessions } from './sessions.ts';

export interface ConfigServiceOptions {
  readonly calls: StreamCalls;
  readonly sessions: ConfigSessions;
  readonly state: MeshState;
  readonly refusals: RefusalReports;
  readonly metrics: ControlPlaneMetrics;
  readonly clock: Clock;
  readonly log: Log;
}

/** A stream whose first message has not come by then is nobody's. */
const GREETING_MS = 15_000;

/** A push as the session makes it: serialised pieces, joined when grpc-js asks for the bytes. */
type PushPieces = readonly Buffer[];

/** As in the schema, but the messages sent are serialised already. */
const definition: ServiceDefinition = {
  Subscribe: {
    ...v1.Config.service.Subscribe,
    responseSerialize: (pieces: PushPieces) => Buffer.concat(pieces),
  },
};

/** `Config.Subscribe`: one session for each sidecar. */
export function createConfigService(options: ConfigServiceOptions): GrpcService {
  const { calls, sessions, clock } = options;
  const subscribe = (call: ServerDuplexStream<SubscribeRequest__Output, PushPieces>): void => {
    calls.accept('config', call, (caller, fail) => {
      const session = new ConfigSession({
        ...options,
        caller,
        // One push at a time: what `write` says of its buffer does not matter.
        send: (pieces) => void call.write(pieces),
      });
      const greeting = clock.setTimeout(
        () => fail(new MeshError('bad-request', 'no Hello within 15 s')),
        GREETING_MS,
      );
      sessions.add(session);
      return {
        onMessage(message) {
          greeting.cancel();
          session.receive(message);
        },
        onEnd() {
          greeting.cancel();
          sessions.delete(session);
          session.closed();
        },
      };
    });
  };
  return { definition, handlers: { Subscribe: subscribe } };
}
