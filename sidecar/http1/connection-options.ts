import { MeshError } from '../../runtime/errors.ts';
import { FIELD } from './field-kind.ts';
import type { Head } from './head.ts';

/** What the Connection fields of a head say (RFC 9110 §7.6.1). */
export interface ConnectionOptions {
  readonly close: boolean;
  readonly keepAlive: boolean;
  readonly upgrade: boolean;
}

const NONE: ConnectionOptions = { close: false, keepAlive: false, upgrade: false };
const KEEP_ALIVE: ConnectionOptions = { close: false, keepAlive: true, upgrade: false };
const OPTION_LIMIT = 32;

/**
 * Reads the options, and marks the fields that they name as concerning this hop
 * only. Fields that we write ourselves (Host, framing, identity) cannot be named away.
 */
export function readConnectionOptions(head: Head): ConnectionOptions {
  if (!head.has(FIELD.connection)) return NONE;
  if (isKeepAlive(head)) return KEEP_ALIVE;
  let options: { close: boolean; keepAlive: boolean; upgrade: boolean } | undefined;
  let count = 0;
  for (let field = 0; field < head.fieldCount; field++) {
    if (head.kind(field) !== FIELD.connection) continue;
    options ??= { close: false, keepAlive: false, upgrade: false };
    for (const part of head.value(field).split(',')) {
      const option = part.trim().toLowerCase();
      if (++count > OPTION_LIMIT) {
        throw new MeshError('bad-head', `Connection names over ${OPTION_LIMIT} options`);
      }
      if (option === 'close') options.close = true;
      else if (option === 'keep-alive') options.keepAlive = true;
      else if (option === 'upgrade') options.upgrade = true;
      else if (option !== '') head.drop(option);
    }
  }
  return options ?? NONE;
}

/** What nearly all say that say anything. */
function isKeepAlive(head: Head): boolean {
  for (let field = 0; field < head.fieldCount; field++) {
    if (head.kind(field) === FIELD.connection && !head.valueIs(field, 'keep-alive')) return false;
  }
  return true;
}
