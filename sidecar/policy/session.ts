import { createHash } from 'node:crypto';
import type { Endpoint, HttpRule, SessionPersistence } from '../config/types.ts';
import type { RequestHead } from '../message.ts';
import { endpointToken, TOKEN_LENGTH } from '../upstream/endpoint-token.ts';
import { cookieValue } from './cookie.ts';
import type { Layer } from './layer.ts';

/** What a client showed: an endpoint, and since when and when last; 0 where no time counts. */
interface Session {
  readonly token: string;
  readonly issuedSeconds: number;
  readonly usedSeconds: number;
}

const SHOWN = new RegExp(`^([\\w-]{${TOKEN_LENGTH}})(?:\\.([0-9a-z]{1,8})\\.([0-9a-z]{1,8}))?$`);
/** Clocks of pods differ; what claims to be of later is made up. */
const MAX_AHEAD_SECONDS = 60;

/** A session is with one backend; a name that nobody chose is that backend's own. */
export function sessionLayers({ name: rule, session }: HttpRule, cluster: string): Layer[] {
  if (session === undefined) return [];
  const own = createHash('sha256').update(`${rule} ${cluster}`).digest('hex').slice(0, 8);
  return [persistSession({ ...session, name: session.name || `remora-${own}` }, cluster)];
}

/**
 * Keeps a client with its endpoint: the request says which one that is, and the
 * response tells it where the request did not, or where another one answered.
 *
 * @param cluster of the backend
 */
export function persistSession(session: SessionPersistence, cluster: string): Layer {
  const tokens = new WeakMap<Endpoint, string>();
  const tokenOf = (endpoint: Endpoint, port: number): string => {
    let token = tokens.get(endpoint);
    if (token === undefined) {
      token = endpointToken(cluster, endpoint, port);
      tokens.set(endpoint, token);
    }
    return token;
  };
  const { absoluteTimeoutMs, idleTimeoutMs } = session;
  const timed = absoluteTimeoutMs > 0 || idleTimeoutMs > 0;
  return {
    name: 'session',
    onRequest(exchange) {
      const nowSeconds = Math.floor(exchange.context.clock.wallMs() / 1000);
      exchange.session = shownBy(exchange.request, session, nowSeconds)?.token;
      return undefined;
    },
    onResponse(exchange, response) {
      const { upstream, request, context } = exchange;
      // Answered without any endpoint.
      if (upstream === undefined) return;
      const nowSeconds = Math.floor(context.clock.wallMs() / 1000);
      const token = tokenOf(upstream.endpoint, upstream.port);
      const shown = shownBy(request, session, nowSeconds);
      const stays = shown?.token === token;
      if (stays && !isDue(shown, idleTimeoutMs, nowSeconds)) return;
      const issuedSeconds = stays ? shown.issuedSeconds : nowSeconds;
      const times = timed ? `.${issuedSeconds.toString(36)}.${nowSeconds.toString(36)}` : '';
      const value = `${token}${times}`;
      if (session.inHeader) {
        response.removeField(session.name);
        response.addField(session.name, value, true);
      } else {
        const leftSeconds = Math.ceil(absoluteTimeoutMs / 1000) - (nowSeconds - issuedSeconds);
        const age = session.permanent ? `; Max-Age=${leftSeconds}` : '';
        const cookie = `${session.name}=${value}; Path=${session.path}; HttpOnly; SameSite=Lax${age}`;
        response.addField('set-cookie', cookie, true);
      }
    },
  };
}

/** Told anew often enough that a client which comes back in time is never too late. */
function isDue({ usedSeconds }: Session, idleTimeoutMs: number, nowSeconds: number): boolean {
  return idleTimeoutMs > 0 && nowSeconds - usedSeconds >= Math.ceil(idleTimeoutMs / 10_000);
}

/** Undefined where the request shows none, one of another form, or one whose time is over. */
function shownBy(
  request: RequestHead,
  { inHeader, name, absoluteTimeoutMs, idleTimeoutMs }: SessionPersistence,
  nowSeconds: number,
): Session | undefined {
  const value = inHeader ? request.header(name) : cookieValue(request.header('cookie'), name);
  const found = value === undefined ? null : SHOWN.exec(value);
  if (found === null) return undefined;
  const [, token = '', issued = '', used = ''] = found;
  if (absoluteTimeoutMs === 0 && idleTimeoutMs === 0) {
    return { token, issuedSeconds: 0, usedSeconds: 0 };
  }
  const issuedSeconds = Number.parseInt(issued, 36);
  const usedSeconds = Number.parseInt(used, 36);
  const isNow = (seconds: number, timeoutMs: number): boolean =>
    seconds <= nowSeconds + MAX_AHEAD_SECONDS &&
    (timeoutMs === 0 || (nowSeconds - seconds) * 1000 < timeoutMs);
  // Without times, both are NaN, and no comparison holds.
  if (!isNow(issuedSeconds, absoluteTimeoutMs) || !isNow(usedSeconds, idleTimeoutMs)) {
    return undefined;
  }
  return { token, issuedSeconds, usedSeconds };
}
