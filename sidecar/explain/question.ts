import { describeError, MeshError } from '../../runtime/errors.ts';
import { HeadReader } from '../http1/head.ts';
import { parseRequest, type Request } from '../http1/request.ts';
import { parseAuthority, parseTarget } from '../http1/target.ts';

/** A request that is to be explained. */
export interface Question {
  /** Where the application would connect to: a name or an address. */
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** As the parser of real requests understands it. */
  readonly request: Request;
}

const FORM =
  'write a request as "GET http://orders.shop:8080/path", and each header in a line of its own below: "x-user: ada"';

/**
 * Reads `<METHOD> <URL>` and lines of headers. The URL says where the application
 * connects to; `Host` is the URL's too, unless a header line names another.
 *
 * @throws MeshError `bad-question` with a sentence that says what is wrong
 */
export function readQuestion(text: string): Question {
  const [line = '', ...rest] = text.split(/\r?\n/).map((one) => one.trim());
  const [, method = '', url = ''] = /^([A-Za-z]+) +(\S+)$/.exec(line) ?? [];
  if (url === '') throw bad(`"${line}" is no method and URL`);
  const { authority, target } = readUrl(method, url);
  const lines = rest.filter((one) => one !== '');
  for (const header of lines) {
    if (!/^[^\s:]+ *:/.test(header)) throw bad(`"${header}" is no header`);
  }
  const named = lines.some((header) => /^host *:/i.test(header));
  const fields = named ? lines : [`host: ${authority.text}`, ...lines];
  const request = parse(`${method.toUpperCase()} ${target} HTTP/1.1`, fields);
  return { host: authority.host, port: authority.port ?? 80, url, request };
}

function readUrl(method: string, url: string) {
  const [, scheme = '', rest = ''] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/i.exec(url) ?? [];
  const text = rest.split(/[/?#]/, 1)[0] ?? '';
  if (scheme.toLowerCase() === 'https') {
    throw bad(
      'of TLS that the application speaks by itself a sidecar sees no request: ask with http://',
    );
  }
  if (scheme !== '' && scheme.toLowerCase() !== 'http') throw bad(`"${scheme}" is no scheme here`);
  const authority = parseAuthority(text);
  if (authority === undefined) {
    throw bad(`"${text}" is no name or address with an optional port`);
  }
  const path = rest.slice(text.length);
  const target = path === '' ? '/' : path.startsWith('/') ? path : `/${path}`;
  try {
    parseTarget(method, target);
  } catch (error) {
    throw bad(describeError(error));
  }
  return { authority: { ...authority, text }, target };
}

function parse(line: string, fields: readonly string[]): Request {
  const reader = new HeadReader('request');
  try {
    reader.feed(Buffer.from(`${[line, ...fields].join('\r\n')}\r\n\r\n`, 'latin1'), 0);
    return parseRequest(reader.head);
  } catch (error) {
    throw bad(`a sidecar would refuse the request: ${describeError(error)}`);
  }
}

function bad(what: string): MeshError {
  return new MeshError('bad-question', `${what}: ${FORM}`);
}
