import type { Mirror } from '../../config/filters.ts';
import type { HttpTarget } from '../../route/route.ts';
import type { Layer } from '../layer.ts';

/**
 * Sends a copy of some requests to another service too, as the rule and its backend
 * changed them. What asks to switch protocols is not copied: it would be a second
 * conversation, and not a copy of the first.
 *
 * @param random from 0 up to, not including, 1
 */
export function mirrorTo(
  { numerator, denominator }: Mirror,
  target: HttpTarget,
  random: () => number,
): Layer {
  return {
    name: 'mirror',
    onRequest(exchange) {
      if (exchange.request.switchesProtocol) return undefined;
      if (random() * denominator < numerator) exchange.mirror(target);
      return undefined;
    },
  };
}
