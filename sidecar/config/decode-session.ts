import type { SessionPersistence__Output } from '../../proto/gen/remora/v1/SessionPersistence.ts';
import type { Place } from './place.ts';
import type { SessionPersistence } from './types.ts';

/** What may stand in the attribute of a cookie. */
const COOKIE_PATH = /^\/[\x21-\x3a\x3c-\x7e]*$/;

export function decodeSession(session: SessionPersistence__Output, at: Place): SessionPersistence {
  const { inHeader, name, path, permanent, absoluteTimeoutMs, idleTimeoutMs } = session;
  if (name !== '') at.in('name').token(name);
  else if (inHeader) at.in('name').fail('a header needs one');
  if (!inHeader && !COOKIE_PATH.test(path)) at.in('path').fail(`"${path}" is no path`);
  if (permanent && absoluteTimeoutMs === 0) {
    at.in('absoluteTimeoutMs').fail('a cookie that is permanent needs one');
  }
  return {
    inHeader,
    name: inHeader ? name.toLowerCase() : name,
    path,
    permanent,
    absoluteTimeoutMs: at.in('absoluteTimeoutMs').atMost(absoluteTimeoutMs, 0xffff_ffff),
    idleTimeoutMs: at.in('idleTimeoutMs').atMost(idleTimeoutMs, 0xffff_ffff),
  };
}
