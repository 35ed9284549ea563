import type { Cors__Output } from '../../proto/gen/remora/v1/Cors.ts';
import type { Filters__Output } from '../../proto/gen/remora/v1/Filters.ts';
import type { Header__Output } from '../../proto/gen/remora/v1/Header.ts';
import type { HeaderChanges__Output } from '../../proto/gen/remora/v1/HeaderChanges.ts';
import type { Mirror__Output } from '../../proto/gen/remora/v1/Mirror.ts';
import type { PathChange__Output } from '../../proto/gen/remora/v1/PathChange.ts';
import type { Redirect__Output } from '../../proto/gen/remora/v1/Redirect.ts';
import type { Rewrite__Output } from '../../proto/gen/remora/v1/Rewrite.ts';
import { headerNameProblem, headerValueProblem } from '../../proto/protected-headers.ts';
import { TOKEN } from '../../proto/token.ts';
import type {
  Cors,
  Filters,
  HeaderChanges,
  Mirror,
  PathChange,
  Redirect,
  Rewrite,
} from './filters.ts';
import type { Place } from './place.ts';

/*
 * The part of decode.ts that reads filters. What is written into heads is checked
 * here once more, whoever wrote the rule: no value can begin a line of its own.
 */

/** RFC 9110 §15.4: those that the Gateway API lets a rule answer with. */
const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

const HOSTNAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

/** Visible ASCII without `?` and `#`. */
const PATH = /^\/[\x21\x22\x24-\x3e\x40-\x7e]*$/;

const ORIGIN = /^(?:\*|https?:\/\/(?:\*|(?:\*\.)?[a-z0-9.-]+)(?::[0-9]{1,5})?)$/i;

export function decodeFilters(filters: Filters__Output, at: Place): Filters {
  const { requestHeaders, responseHeaders, redirect, rewrite, cors, mirrors } = filters;
  return {
    requestHeaders: requestHeaders
      ? decodeHeaders(requestHeaders, at.in('requestHeaders'))
      : undefined,
    responseHeaders: responseHeaders
      ? decodeHeaders(responseHeaders, at.in('responseHeaders'))
      : undefined,
    redirect: redirect ? decodeRedirect(redirect, at.in('redirect')) : undefined,
    rewrite: rewrite ? decodeRewrite(rewrite, at.in('rewrite')) : undefined,
    cors: cors ? decodeCors(cors, at.in('cors')) : undefined,
    mirrors: mirrors.map((mirror, i) => decodeMirror(mirror, at.in(`mirrors[${i}]`))),
  };
}

function decodeHeaders({ set, add, remove }: HeaderChanges__Output, at: Place): HeaderChanges {
  return {
    set: set.map((header, i) => decodeHeader(header, at.in(`set[${i}]`))),
    add: add.map((header, i) => decodeHeader(header, at.in(`add[${i}]`))),
    remove: remove.map((name, i) => headerName(name, at.in(`remove[${i}]`))),
  };
}

function decodeHeader({ name, value }: Header__Output, at: Place): { name: string; value: string } {
  const problem = headerValueProblem(value);
  if (problem !== undefined) at.in('value').fail(`${JSON.stringify(value)} ${problem}`);
  return { name: headerName(name, at.in('name')), value };
}

function headerName(name: string, at: Place): string {
  const problem = headerNameProblem(name);
  if (problem !== undefined) at.fail(`${JSON.stringify(name)} ${problem}`);
  return name.toLowerCase();
}

function decodeRedirect(redirect: Redirect__Output, at: Place): Redirect {
  const { scheme, hostname, path, port, status } = redirect;
  if (scheme !== '' && scheme !== 'http' && scheme !== 'https') {
    at.in('scheme').fail(`"${scheme}" is neither http nor https`);
  }
  if (!REDIRECT_STATUSES.has(status)) at.in('status').fail(`${status} is no status of a redirect`);
  return {
    scheme: scheme === '' ? undefined : scheme,
    hostname: decodeHostname(hostname, at.in('hostname')),
    path: decodePathChange(path, at.in('path')),
    port: port === 0 ? undefined : at.in('port').port(port),
    status,
  };
}

function decodeRewrite({ hostname, path }: Rewrite__Output, at: Place): Rewrite {
  return {
    hostname: decodeHostname(hostname, at.in('hostname')),
    path: decodePathChange(path, at.in('path')),
  };
}

function decodeHostname(hostname: string, at: Place): string | undefined {
  if (hostname === '') return undefined;
  return HOSTNAME.test(hostname)
    ? hostname
    : at.fail(`${JSON.stringify(hostname)} is no host name`);
}

function decodePathChange(path: PathChange__Output | null, at: Place): PathChange | undefined {
  if (path === null) return undefined;
  if (path.change === undefined) return at.fail('it says neither full nor prefix');
  const value = path[path.change] ?? '';
  // An empty prefix takes the matched one away.
  const emptied = path.change === 'prefix' && value === '';
  if (!emptied && !PATH.test(value)) {
    at.in(path.change).fail(`${JSON.stringify(value)} is not a path that begins with "/"`);
  }
  return { kind: path.change, value };
}

function decodeCors(cors: Cors__Output, at: Place): Cors {
  cors.allowOrigins.forEach((origin, i) => {
    if (!ORIGIN.test(origin)) at.in(`allowOrigins[${i}]`).fail(`"${origin}" is no origin`);
  });
  for (const list of ['allowMethods', 'allowHeaders', 'exposeHeaders'] as const) {
    cors[list].forEach((item, i) => {
      if (!TOKEN.test(item)) at.in(`${list}[${i}]`).fail(`${JSON.stringify(item)} is no name`);
    });
  }
  return { ...cors };
}

function decodeMirror(mirror: Mirror__Output, at: Place): Mirror {
  const { numerator, denominator } = mirror;
  if (denominator === 0) at.in('denominator').fail('it is 0');
  return {
    service: at.in('service').serviceName(mirror.service),
    port: at.in('port').port(mirror.port),
    numerator: at.in('numerator').atMost(numerator, denominator),
    denominator,
  };
}
