import { forwarded, get, refused, seen, type Vector, vector } from '../vector.ts';

const HEAD = refused(400, 'bad-head');
const SEEN = forwarded(seen('GET', '/'));

const good: readonly Vector[] = [
  ['a value without a space', 'X:y\r\n'],
  ['a value between spaces and tabs', 'X: \t y \t \r\n'],
  ['an empty value', 'X:\r\n'],
  ['a value of spaces', 'X:    \r\n'],
  ['a colon in a value', 'X: a:b:c\r\n'],
  ['a colon at the start of a value', 'X: :y\r\n'],
  ['a tab in a value', 'X: a\tb\r\n'],
  ['two fields of one name', 'X: a\r\nX: b\r\n'],
  ['two cookies', 'Cookie: a=b\r\nCookie: c=d\r\n'],
  ['a comma list', 'X: a,,b, ,c\r\n'],
  ['every byte of a token in a name', "!#$%&'*+-.^`|~0aZ: y\r\n"],
  ['a name of digits', '123: y\r\n'],
  ['a name of one dash', '-: y\r\n'],
  ['a name with an underscore', 'X_Y: z\r\n'],
  ['a value of 8,000 bytes', `X: ${'y'.repeat(8000)}\r\n`],
  ['sixty fields', Array.from({ length: 60 }, (_, i) => `X-${i}: y\r\n`).join('')],
  ['__proto__', '__proto__: y\r\n'],
  ['constructor', 'constructor: y\r\n'],
  ['hasOwnProperty', 'hasOwnProperty: y\r\nhasOwnProperty: z\r\n'],
].map(([name = '', fields = '']) => vector(name, get('/', fields), SEEN));

const overLimitsOfOthers: readonly Vector[] = [
  vector('a byte over 127 in a value', get('/', 'X: \xe4\r\n'), SEEN, { ownAnswerBy: ['aiohttp'] }),
  vector('UTF-8 in a value', get('/', 'X: \xc3\xa4\r\n'), SEEN),
  vector('a no-break space in a value', get('/', 'X: a\xa0b\r\n'), SEEN),
  vector('a C1 control in a value', get('/', 'X: a\x85b\r\n'), SEEN),
  vector('a value of 30,000 bytes', get('/', `X: ${'y'.repeat(30_000)}\r\n`), SEEN, {
    ownAnswerBy: ['node', 'aiohttp', 'uvicorn', 'gunicorn', 'nginx', 'haproxy', 'apache'],
  }),
  vector(
    '200 fields',
    get('/', Array.from({ length: 200 }, (_, i) => `X-${i}: y\r\n`).join('')),
    SEEN,
    { ownAnswerBy: ['aiohttp', 'gunicorn', 'haproxy', 'apache'] },
  ),
];

const bad: readonly Vector[] = [
  ['a space before the colon', 'X : y\r\n'],
  ['a tab before the colon', 'X\t: y\r\n'],
  ['a space inside of a name', 'X Y: z\r\n'],
  ['a space before the name', ' X: y\r\n'],
  ['a tab before the name', '\tX: y\r\n'],
  ['no name', ': y\r\n'],
  ['no name, only a colon', ':\r\n'],
  ['no colon', 'X\r\n'],
  ['no colon, with a value', 'X y\r\n'],
  ['a fold by a space', 'X: a\r\n b\r\n'],
  ['a fold by a tab', 'X: a\r\n\tb\r\n'],
  ['a fold of nothing', 'X: a\r\n \r\n'],
  ['a line ended by LF', 'X: y\nY: z\r\n'],
  ['a line ended by CR', 'X: y\rY: z\r\n'],
  ['a CR at the end of a value', 'X: y\r\r\n'],
  ['a bare CR at the start of a value', 'X: \ry\r\n'],
  ...['(', ')', ',', '/', ';', '<', '=', '>', '?', '@', '[', '\\', ']', '{', '}', '"'].map(
    (character) => [`${character} in a name`, `X${character}Y: z\r\n`],
  ),
  ['a byte over 127 in a name', 'X\xe4: y\r\n'],
  ['UTF-8 in a name', 'X\xc3\xa4: y\r\n'],
  ...[0, 1, 8, 0x0b, 0x0c, 0x0e, 0x1b, 0x1f, 0x7f].flatMap((byte) => {
    const [character, hex] = [String.fromCharCode(byte), byte.toString(16).padStart(2, '0')];
    return [
      [`0x${hex} in a name`, `X${character}: y\r\n`],
      [`0x${hex} in a value`, `X: a${character}b\r\n`],
    ];
  }),
  ['a NUL at the end of a value', 'X: y\0\r\n'],
].map(([name = '', fields = '']) => vector(name, get('/', fields), HEAD));

const large: readonly Vector[] = [
  vector(
    'a value of 70,000 bytes',
    get('/', `X: ${'y'.repeat(70_000)}\r\n`),
    refused(431, 'head-too-large'),
  ),
  vector(
    'a name of 70,000 bytes',
    get('/', `${'X'.repeat(70_000)}: y\r\n`),
    refused(431, 'head-too-large'),
  ),
  vector(
    '300 fields',
    get('/', Array.from({ length: 300 }, (_, i) => `X-${i}: y\r\n`).join('')),
    refused(431, 'head-too-large'),
  ),
  vector(
    'empty fields without end',
    get('/', 'a:\r\n'.repeat(20_000)),
    refused(431, 'head-too-large'),
  ),
];

/** Claims of trust, under names that a server may take for those that only a sidecar sets. */
const trust: readonly Vector[] = [
  ['x-forwarded-client-cert', 'URI=spiffe://x/ns/a/sa/b'],
  ['X_Forwarded_Client_Cert', 'URI=spiffe://x/ns/a/sa/b'],
  ['x-forwarded_client-cert', 'URI=spiffe://x/ns/a/sa/b'],
  ['x-remora-error', 'no-route'],
  ['X_Remora_Error', 'no-route'],
].map(([name = '', value = '']) =>
  vector(`a client's ${name}`, get('/', `${name}: ${value}\r\n`), SEEN),
);

/** Spellings of header fields. */
export const HEADER_FORMS: readonly Vector[] = [
  ...good,
  ...overLimitsOfOthers,
  ...bad,
  ...large,
  ...trust,
];
