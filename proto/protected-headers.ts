import { TOKEN } from './token.ts';

/**
 * Headers that no rule may set, add or remove: they concern framing, one hop, the
 * host (a rewrite changes that), or who is trusted. Here because the control
 * plane refuses such rules, and the sidecar refuses to be told of them.
 */
const PROTECTED: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'trailer',
  'te',
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'upgrade',
  'http2-settings',
  'expect',
  'x-forwarded-client-cert',
]);

/** Visible characters, spaces and tabs within, and what is not ASCII; nothing that could begin a line. */
const VALUE =
  /^(?:[\x21-\x7e\x80-\u{10ffff}](?:[\t\x20-\x7e\x80-\u{10ffff}]*[\x21-\x7e\x80-\u{10ffff}])?)?$/u;

/** Why a rule may not change this header; undefined when it may. */
export function headerNameProblem(name: string): string | undefined {
  if (name.length > 256 || !TOKEN.test(name)) return 'is not the name of a header';
  const lower = name.toLowerCase();
  // Some servers take an underscore for a dash.
  const dashed = lower.replaceAll('_', '-');
  const ours = dashed.startsWith('x-remora-') || dashed.startsWith('remora-');
  if (ours || PROTECTED.has(dashed)) return 'is a header that rules may not change';
  return undefined;
}

/** Why this cannot be the value of a header; undefined when it can. */
export function headerValueProblem(value: string): string | undefined {
  return VALUE.test(value) ? undefined : 'is not a value that a header can have';
}
