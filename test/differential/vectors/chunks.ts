import {
  abandoned,
  chunked,
  forwarded,
  refused,
  refusedInBody,
  SMUGGLED,
  seen,
  type Vector,
  vector,
} from '../vector.ts';

const END = '0\r\n\r\n';
const ABCDE = forwarded(seen('POST', '/', 'abcde'));

const good: readonly Vector[] = [
  vector('no chunk', chunked(END), forwarded(seen('POST', '/'))),
  vector('two chunks', chunked(`2\r\nab\r\n3\r\ncde\r\n${END}`), ABCDE),
  vector(
    'a chunk for each byte',
    chunked(`${[...'abcde'].map((c) => `1\r\n${c}\r\n`).join('')}${END}`),
    ABCDE,
  ),
  vector(
    'a size in capitals',
    chunked(`A\r\n0123456789\r\n${END}`),
    forwarded(seen('POST', '/', '0123456789')),
  ),
  vector(
    'a size in small letters',
    chunked(`a\r\n0123456789\r\n${END}`),
    forwarded(seen('POST', '/', '0123456789')),
  ),
  vector('a size with leading zeros', chunked(`00000005\r\nabcde\r\n${END}`), ABCDE),
  vector('several zeros at the end', chunked('5\r\nabcde\r\n000\r\n\r\n'), ABCDE),
  vector(
    'data that looks like the end',
    chunked(`5\r\n0\r\n\r\n\r\n${END}`),
    forwarded(seen('POST', '/', '0\r\n\r\n')),
  ),
  vector(
    'data that looks like a request',
    chunked(`${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n${END}`),
    forwarded(seen('POST', '/', SMUGGLED)),
  ),
  vector(
    'a thousand chunks of one byte',
    chunked(`${'1\r\nx\r\n'.repeat(1000)}${END}`),
    forwarded(seen('POST', '/', 'x'.repeat(1000))),
  ),
  vector(
    'a chunk of 65,536 bytes',
    chunked(`10000\r\n${'x'.repeat(65_536)}\r\n${END}`),
    forwarded(seen('POST', '/', 'x'.repeat(65_536))),
  ),
];

const sizes: readonly Vector[] = [
  ['a sign before the size', '+5'],
  ['a minus before the size', '-5'],
  ['a size with 0x', '0x5'],
  ['a size with 0X', '0X5'],
  ['a space before the size', ' 5'],
  ['a tab before the size', '\t5'],
  ['a space behind the size', '5 '],
  ['a tab behind the size', '5\t'],
  ['a size with an underscore', '0_5'],
  ['a size with a point', '5.0'],
  ['a size with a comma', '5,'],
  ['a size in quotes', '"5"'],
  ['a size with an h', '5h'],
  ['a size with a NUL', '5\0'],
  ['a NUL before the size', '\x005'],
  ['a size that is no number', 'xyz'],
  ['an empty size', ''],
  ['a size of 13 digits', '0000000000005'],
  ['a size of 16 digits', 'fffffffffffffffb'],
  ['a size of 17 digits', '10000000000000005'],
  ['a size of 33 digits', `1${'0'.repeat(31)}5`],
  ['a digit of another script', '\xb2'],
  ['a form feed behind the size', '5\x0c'],
  ['a vertical tab before the size', '\x0b5'],
].map(([name = '', size = '']) =>
  vector(name, chunked(`${size}\r\nabcde\r\n${END}${SMUGGLED}`), refusedInBody()),
);

const extensions: readonly Vector[] = [
  ['an extension', ';a=b'],
  ['an extension without a value', ';a'],
  ['an empty extension', ';'],
  ['two extensions', ';a=b;c=d'],
  ['an extension in quotes', ';a="b c"'],
  ['an extension with a space', '; a = b'],
  ['an extension with an escape', ';a="\\""'],
  ['an extension that looks like a size', ';7'],
  ['an extension over 127', ';a=\xe4'],
  ['an extension of 2,000 bytes', `;a=${'x'.repeat(2000)}`],
]
  .map(([name = '', extension = '']) =>
    vector(name, chunked(`5${extension}\r\nabcde\r\n${END}`), ABCDE),
  )
  .concat(
    vector('an extension of the last chunk', chunked('5\r\nabcde\r\n0;a=b\r\n\r\n'), ABCDE),
    ...[
      ['a bare LF in an extension', ';a\n=b'],
      ['a bare LF in a quoted extension', ';a="\n"'],
      ['a bare CR in an extension', ';a\r=b'],
      ['a NUL in an extension', ';a=\0'],
      ['a DEL in an extension', ';a=\x7f'],
      ['a space before the extension', ' ;a=b'],
      ['a tab before the extension', '\t;a=b'],
      ['extensions of 5,000 bytes', `;a=${'x'.repeat(5000)}`],
    ].map(([name = '', extension = '']) =>
      vector(name, chunked(`5${extension}\r\nabcde\r\n${END}${SMUGGLED}`), refusedInBody()),
    ),
    vector(
      'a chunk hidden behind a bare LF of an extension',
      chunked(`2;\nxx\r\n45\r\n0\r\n\r\n${SMUGGLED}`),
      refusedInBody(),
    ),
  );

const terminators: readonly Vector[] = [
  ['a size ended by LF', `5\nabcde\r\n${END}`],
  ['a size ended by CR', `5\rabcde\r\n${END}`],
  ['a size ended by CR CR LF', `5\r\r\nabcde\r\n${END}`],
  ['a size ended by LF CR', `5\n\rabcde\r\n${END}`],
  ['data ended by LF', `5\r\nabcde\n${END}`],
  ['data ended by CR', `5\r\nabcde\r${END}`],
  ['data ended by nothing', `5\r\nabcde${END}`],
  ['data ended by two other bytes', `5\r\nabcdeXX${END}`],
  ['data ended by CR and another byte', `5\r\nabcde\rX${END}`],
  ['data ended by CRLF twice', `5\r\nabcde\r\n\r\n${END}`],
  ['more data than its size', `5\r\nabcdefgh\r\n${END}`],
  ['less data than its size', `8\r\nabcde\r\n${END}`],
  ['a last chunk ended by LF', '5\r\nabcde\r\n0\n\r\n'],
  ['a last chunk ended by CR', '5\r\nabcde\r\n0\r\r\n'],
].map(([name = '', body = '']) => vector(name, chunked(`${body}${SMUGGLED}`), refusedInBody()));

const ends: readonly Vector[] = [
  vector(
    'a bare LF after the last chunk',
    chunked(`5\r\nabcde\r\n0\r\n\n${SMUGGLED}`),
    refusedInBody('bad-head'),
  ),
  vector(
    'a bare CR after the last chunk',
    chunked(`5\r\nabcde\r\n0\r\n\rX${SMUGGLED}`),
    refusedInBody('bad-head'),
  ),
  vector(
    'a request in place of the empty line',
    chunked(`5\r\nabcde\r\n0\r\n${SMUGGLED}`),
    refusedInBody('bad-head'),
  ),
  vector(
    'garbage behind the end',
    chunked(`5\r\nabcde\r\n${END}X\r\n\r\n`),
    refused(400, 'bad-head', seen('POST', '/', 'abcde')),
  ),
  vector(
    'a second last chunk',
    chunked(`5\r\nabcde\r\n${END}${END}`),
    refused(400, 'bad-head', seen('POST', '/', 'abcde')),
  ),
  vector('no last chunk', chunked('5\r\nabcde\r\n'), abandoned(), { ends: true }),
  vector('an end inside of a chunk', chunked('5\r\nabc'), abandoned(), { ends: true }),
  vector('an end inside of a size', chunked('5'), abandoned(), { ends: true }),
  vector('an end before the empty line', chunked('5\r\nabcde\r\n0\r\n'), abandoned(), {
    ends: true,
  }),
  vector('an end inside of the empty line', chunked('5\r\nabcde\r\n0\r\n\r'), abandoned(), {
    ends: true,
  }),
];

/** Sizes, extensions and ends of chunks. */
export const CHUNKS: readonly Vector[] = [
  ...good,
  ...sizes,
  ...extensions,
  ...terminators,
  ...ends,
];
