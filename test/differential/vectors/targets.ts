import { declined, forwarded, get, refused, seen, type Vector, vector } from '../vector.ts';

const TARGET = refused(400, 'bad-target');
const HOST = refused(400, 'bad-host');
const AMBIGUOUS = declined(400, 'ambiguous-path');

function sees(target: string) {
  return forwarded(seen('GET', target));
}

/** Paths that are forwarded as they are, whoever decides. */
const plain: readonly Vector[] = [
  '/',
  '/a/b',
  '/a?b=c',
  '/a?b?c',
  '/a?b=/../c',
  '/a?b=%2f%00',
  '/a?x=http://other/',
  '/a:b@c',
  "/!$&'()*+,=~_-",
  '/[a]',
  '/{a}|b^`',
  '/"a"<b>',
  `/${'a'.repeat(2000)}`,
  '/a%20b',
  '/%C3%A4',
  '/a%3Fb',
  '/a%23b',
].map((target) => vector(`the path ${shorten(target)}`, get(target), sees(target)));

/** They refuse broken encodings, NUL, and dots above the root. */
const STRICT_ABOUT_PATHS = ['go', 'nginx', 'apache'];

/** Paths that have more than one spelling: normalised where a rule looks at them. */
const spelt: readonly Vector[] = [
  ['//', '/'],
  ['//a', '/a'],
  ['/a//b', '/a/b'],
  ['//other/a', '/other/a'],
  ['/a/./b', '/a/b'],
  ['/a/../b', '/b'],
  ['/../a', '/a'],
  ['/a/..', '/'],
  ['/a/b/..', '/a/'],
  ['/a/.', '/a/'],
  ['/a/%2e%2e/b', '/b'],
  ['/a/%2E./b', '/b'],
  ['/%61', '/a'],
  ['/%7Ea', '/~a'],
  ['/%c3%a4', '/%C3%A4'],
  ['/a%3fb', '/a%3Fb'],
  ['/.a', '/.a'],
  ['/a/...', '/a/...'],
  ['/a.', '/a.'],
].map(([target = '', normal = '']) =>
  vector(`the path ${target}`, get(target), sees(target), {
    expectedByPath: sees(normal),
    ...(target === '/../a' ? { ownAnswerBy: STRICT_ABOUT_PATHS } : {}),
  }),
);

/** Paths that servers read differently: refused where a rule looks at them. */
const ambiguous: readonly Vector[] = [
  '/a%2fb',
  '/a%2F..%2Fb',
  '/a%5cb',
  '/a%5C..%5Cb',
  '/a\\b',
  '/a\\..\\b',
  '/%00',
  '/a%00b',
  '/a%0ab',
  '/a%0d%0aX:y',
  '/a;b',
  '/a;b/../c',
  '/a%3bb',
  '/%',
  '/%2',
  '/%zz',
  '/%u0061',
  '/a%25%32%66b',
  '/%c0%af',
  '/%c0%ae%c0%ae/a',
  '/%ff',
  '/%e2%82',
  '/a%7fb',
  '/..;/a',
].map((target) =>
  vector(`the path ${target}`, get(target), sees(target), {
    expectedByPath: target === '/a%25%32%66b' ? sees('/a%252fb') : AMBIGUOUS,
    ...(/%(?![0-9a-f]{2})|%00/i.test(target) ? { ownAnswerBy: STRICT_ABOUT_PATHS } : {}),
  }),
);

const bad: readonly Vector[] = [
  ['a fragment', '/a#b'],
  ['a fragment alone', '#'],
  ['a space', '/a b'],
  ['two spaces', '/a  b'],
  ['a tab', '/a\tb'],
  ['no slash', 'a'],
  ['a question mark alone', '?a'],
  ['dots alone', '../a'],
  ['a host and port', 'cart:80'],
  ['a byte over 127', '/\xe4'],
  ['UTF-8', '/\xc3\xa4'],
  ['a no-break space', '/a\xa0b'],
  ['https', 'https://cart/a'],
  ['another scheme', 'ftp://cart/a'],
  ['a file', 'file:///etc/passwd'],
  ['http with one slash', 'http:/cart/a'],
  ['http without a host', 'http:///a'],
  ['http without anything', 'http://'],
  ['http with a port and no host', 'http://:80/a'],
  ['user information', 'http://user@cart/a'],
  ['user information with a password', 'http://user:secret@cart/a'],
  ['user information that looks like a host', 'http://cart@other/a'],
  ['a fragment behind a host', 'http://cart#b'],
  ['a backslash in a host', 'http://cart\\other/a'],
  ['an encoded host', 'http://c%61rt/a'],
  ['a port of 0', 'http://cart:0/a'],
  ['a port of 65,536', 'http://cart:65536/a'],
  ['a port with letters', 'http://cart:http/a'],
  ['an empty port', 'http://cart:/a'],
  ['an asterisk', '*'],
  ['an asterisk and more', '*a'],
].map(([name = '', target = '']) => vector(`a target with ${name}`, get(target), TARGET));

const control: readonly Vector[] = ['\0', '\x01', '\x0b', '\x0c', '\x7f'].map((character) =>
  vector(
    `a target with ${JSON.stringify(character)}`,
    get(`/a${character}b`),
    refused(400, 'bad-head'),
  ),
);

/** A whole URL: its host counts, and the server sees the path alone. */
const absolute: readonly Vector[] = [
  ['http://cart/a', '/a'],
  ['HTTP://cart/a', '/a'],
  ['http://cart', '/'],
  ['http://cart?b', '/?b'],
  ['http://cart:80/a', '/a'],
  ['http://CART/a', '/a'],
  ['http://other/a', '/a'],
  ['http://127.0.0.1/a', '/a'],
  ['http://[::1]/a', '/a'],
  ['http://[::1]:80/a', '/a'],
].map(([target = '', path = '']) => vector(`the URL ${target}`, get(target), sees(path)));

const hosts: readonly Vector[] = [
  ...[
    'other',
    'cart:80',
    'CART',
    'cart.',
    'a_b',
    '127.0.0.1',
    '127.0.0.1:80',
    '[::1]',
    '[::1]:80',
  ].map((host) => vector(`the host ${host}`, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`, sees('/'))),
  ...[
    ['no host', ''],
    ['an empty host', 'Host:\r\n'],
    ['a host of spaces', 'Host:   \r\n'],
    ['two hosts', 'Host: cart\r\nHost: other\r\n'],
    ['two equal hosts', 'Host: cart\r\nHost: cart\r\n'],
    ['two hosts in one field', 'Host: cart, other\r\n'],
    ['a host with a space', 'Host: cart other\r\n'],
    ['a host with a path', 'Host: cart/a\r\n'],
    ['a host with a query', 'Host: cart?a\r\n'],
    ['a host with a fragment', 'Host: cart#a\r\n'],
    ['a host with user information', 'Host: user@cart\r\n'],
    ['a host with a backslash', 'Host: cart\\other\r\n'],
    ['a host with a scheme', 'Host: http://cart\r\n'],
    ['a host with an encoding', 'Host: c%61rt\r\n'],
    ['a host with a byte over 127', 'Host: c\xe4rt\r\n'],
    ['a port of 0', 'Host: cart:0\r\n'],
    ['a port of 65,536', 'Host: cart:65536\r\n'],
    ['a port with letters', 'Host: cart:x\r\n'],
    ['an empty port', 'Host: cart:\r\n'],
    ['two ports', 'Host: cart:80:80\r\n'],
    ['a port with a sign', 'Host: cart:+80\r\n'],
    ['a port alone', 'Host: :80\r\n'],
    ['an IPv6 address without brackets', 'Host: ::1\r\n'],
    ['a bracket that is not closed', 'Host: [::1\r\n'],
    ['a zone in an IPv6 address', 'Host: [fe80::1%25eth0]\r\n'],
    ['a name in brackets', 'Host: [cart]\r\n'],
    ['a host in quotes', 'Host: "cart"\r\n'],
    ['a comma alone', 'Host: ,\r\n'],
  ].map(([name = '', fields = '']) =>
    vector(`a Host with ${name}`, `GET / HTTP/1.1\r\n${fields}\r\n`, HOST),
  ),
  vector('a Host with a NUL', 'GET / HTTP/1.1\r\nHost: cart\0\r\n\r\n', refused(400, 'bad-head')),
  vector('a URL and no Host', 'GET http://cart/a HTTP/1.1\r\n\r\n', HOST),
  vector('a URL and another Host', 'GET http://cart/a HTTP/1.1\r\nHost: other\r\n\r\n', sees('/a')),
  vector('a URL and a bad Host', 'GET http://cart/a HTTP/1.1\r\nHost: a b\r\n\r\n', HOST),
];

/** They take such a request to nobody behind them. */
const NO_ASTERISK = ['nginx', 'apache'];

const asterisk: readonly Vector[] = [
  vector('OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: cart\r\n\r\n', forwarded(seen('OPTIONS', '*')), {
    ownAnswerBy: NO_ASTERISK,
  }),
  vector(
    'OPTIONS of a path',
    'OPTIONS /a HTTP/1.1\r\nHost: cart\r\n\r\n',
    forwarded(seen('OPTIONS', '/a')),
  ),
  vector(
    'OPTIONS of a URL without a path',
    'OPTIONS http://cart HTTP/1.1\r\nHost: cart\r\n\r\n',
    forwarded(seen('OPTIONS', '*')),
    { ownAnswerBy: NO_ASTERISK },
  ),
  vector('POST *', 'POST * HTTP/1.1\r\nHost: cart\r\n\r\n', TARGET),
];

/** Targets and hosts. */
export const TARGETS: readonly Vector[] = [
  ...plain,
  ...spelt,
  ...ambiguous,
  ...bad,
  ...control,
  ...absolute,
  ...hosts,
  ...asterisk,
];

function shorten(target: string): string {
  return target.length > 40 ? `of ${target.length} bytes` : target;
}
