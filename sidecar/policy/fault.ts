import type { Clock } from '../../runtime/clock.ts';
import type { FaultAbort, Faults } from '../config/faults.ts';
import { grpcStatusOfHttp, httpStatusOfGrpc } from '../grpc/status.ts';
import type { RequestHead } from '../message.ts';
import { HELD, type Layer } from './layer.ts';
import { PolicyRefusal } from './refusal.ts';

const MILLION = 1_000_000;

export interface FaultPlace {
  /** Which requests are meant. */
  readonly takes: (head: RequestHead) => boolean;
  readonly clock: Clock;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
}

/**
 * Does to a share of the requests what its policy says: lets them wait, refuses them,
 * sends their bodies slowly. Each is drawn by itself, so that one request can meet
 * several; one that is to wait and to be refused waits first.
 *
 * When its time is over it does nothing any more, whatever the clock says later, and
 * what it had begun ends too: nobody has to be there to stop it.
 */
export function injectFaults(faults: Faults, { takes, clock, random }: FaultPlace): Layer {
  const { delay, abort, bandwidth, expiresAtMs = Number.POSITIVE_INFINITY } = faults;
  const refusal = abort && refusalOf(abort, faults.source);
  let over = false;
  const leftMs = (): number => {
    if (over) return 0;
    const left = expiresAtMs - clock.wallMs();
    if (left <= 0) over = true;
    return Math.max(left, 0);
  };
  const isOver = (): boolean => leftMs() === 0;
  const meets = (fault: { readonly partsPerMillion: number } | undefined): boolean =>
    fault !== undefined && random() * MILLION < fault.partsPerMillion;
  return {
    name: 'fault',
    onRequest(exchange) {
      if (isOver() || !takes(exchange.request)) return undefined;
      const { observer } = exchange.context;
      if (bandwidth !== undefined && meets(bandwidth)) {
        observer.faultInjected(exchange.service, 'bandwidth');
        exchange.pace(bandwidth.bytesPerSecond, isOver);
      }
      const refused = meets(abort) ? refusal : undefined;
      if (delay !== undefined && meets(delay)) {
        observer.faultInjected(exchange.service, 'delay');
        exchange.delayTimer = clock.setTimeout(
          () => {
            if (refused === undefined || isOver()) {
              exchange.proceed();
              return;
            }
            observer.faultInjected(exchange.service, 'abort');
            exchange.fail(refused);
          },
          Math.min(delay.durationMs, leftMs()),
        );
        return HELD;
      }
      if (refused !== undefined) observer.faultInjected(exchange.service, 'abort');
      return refused;
    },
    onEnd(exchange) {
      exchange.delayTimer?.cancel();
      exchange.pacing?.stop();
    },
  };
}

/** In each terms what the policy says in one. */
function refusalOf({ httpStatus, grpcStatus }: FaultAbort, source: string): PolicyRefusal {
  const status = httpStatus ?? httpStatusOfGrpc(grpcStatus ?? 0);
  const message = 'the request was refused on purpose';
  return new PolicyRefusal('fault-injected', message, {
    status,
    grpcStatus: grpcStatus ?? grpcStatusOfHttp(status),
    fields: [],
    cause: `FaultPolicy ${source}`,
  });
}
