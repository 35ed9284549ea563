import { describeError } from '../../runtime/errors.ts';
import type { Party } from '../telemetry/types.ts';
import type { Layer } from './layer.ts';

/** One line for each exchange, at debug level: off unless somebody looks. */
export const accessLog: Layer = {
  name: 'access-log',
  onEnd(exchange) {
    const { context, request, outcome } = exchange;
    if (!context.log.isLevelEnabled('debug')) return;
    context.log.debug(
      {
        direction: context.direction,
        source: partyName(context.source),
        destination: partyName(exchange.destination),
        service: exchange.service,
        route: exchange.routeName,
        mutualTls: exchange.mutualTls,
        method: request.method,
        path: request.path,
        status: exchange.status,
        grpcStatus: exchange.grpcStatus,
        outcome: outcome?.kind,
        errorCode: exchange.errorCode,
        error:
          outcome !== undefined && 'error' in outcome ? describeError(outcome.error) : undefined,
        attempts: exchange.attempts,
        durationMs: context.clock.monotonicMs() - exchange.startedMs,
      },
      'request finished',
    );
  },
};

function partyName({ namespace, workload }: Party): string {
  return `${namespace}/${workload}`;
}
