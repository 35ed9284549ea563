import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { MeshError } from '../../runtime/errors.ts';
import type { Backend, HttpMatch, HttpRule, PortRoutes } from '../config/types.ts';
import { HeadReader } from '../http1/head.ts';
import { parseRequest } from '../http1/request.ts';
import type { RequestHead } from '../message.ts';
import { DEFAULT_POLICY, NO_POLICY } from '../policy/defaults.ts';
import type { Cluster } from '../upstream/types.ts';
import { compileMatch } from './match.ts';
import { queryValue } from './query.ts';
import type { Route } from './route.ts';
import { Split } from './split.ts';
import { compileRoutes } from './table.ts';

function head(line: string, fields = ''): RequestHead {
  const reader = new HeadReader('request');
  reader.feed(Buffer.from(`${line} HTTP/1.1\r\nHost: cart\r\n${fields}\r\n`), 0);
  return parseRequest(reader.head);
}

function match(own: Partial<HttpMatch>): HttpMatch {
  return { path: { kind: 'any' }, method: undefined, headers: [], query: [], ...own };
}

const exact = (value: string): Partial<HttpMatch> => ({ path: { kind: 'exact', value } });
const prefix = (value: string): Partial<HttpMatch> => ({ path: { kind: 'prefix', value } });

const table: [rule: Partial<HttpMatch>, line: string, fields: string, taken: boolean][] = [
  [{}, 'GET /anything', '', true],
  [exact('/a'), 'GET /a', '', true],
  [exact('/a'), 'GET /a?b', '', true],
  [exact('/a'), 'GET /a/', '', false],
  [exact('/a'), 'GET /A', '', false],
  [exact('/a'), 'GET /x/../a', '', true],
  [exact('/a'), 'GET //a', '', true],
  [exact('/a'), 'GET /%61', '', true],
  [exact('/a b'), 'GET /a%20b', '', false],
  [exact('/a%20b'), 'GET /a%20b', '', true],
  [prefix('/'), 'GET /a', '', true],
  [prefix('/a'), 'GET /a', '', true],
  [prefix('/a'), 'GET /a/', '', true],
  [prefix('/a'), 'GET /a/b', '', true],
  [prefix('/a'), 'GET /ab', '', false],
  [prefix('/a'), 'GET /', '', false],
  [prefix('/a/'), 'GET /a', '', true],
  [prefix('/a/'), 'GET /a/b', '', true],
  [prefix('/a/'), 'GET /ab', '', false],
  [prefix('/a'), 'GET /b/../a/c', '', true],
  [prefix('/a'), 'GET /a/../b', '', false],
  [{ method: 'POST' }, 'POST /', '', true],
  [{ method: 'POST' }, 'GET /', '', false],
  [{ headers: [{ name: 'x-v', exact: '2' }] }, 'GET /', 'X-V: 2\r\n', true],
  [{ headers: [{ name: 'X-V', exact: '2' }] }, 'GET /', 'x-v: 2\r\n', true],
  [{ headers: [{ name: 'x-v', exact: '2' }] }, 'GET /', 'X-V: 22\r\n', false],
  [{ headers: [{ name: 'x-v', exact: '2' }] }, 'GET /', '', false],
  [{ headers: [{ name: 'x-v', exact: '1, 2' }] }, 'GET /', 'X-V: 1\r\nX-V: 2\r\n', true],
  [{ headers: [{ name: 'x-v', exact: 'ä' }] }, 'GET /', 'X-V: ä\r\n', true],
  [{ query: [{ name: 'a', exact: '1' }] }, 'GET /?b=2&a=1', '', true],
  [{ query: [{ name: 'a', exact: '1' }] }, 'GET /?a=2&a=1', '', false],
  [{ query: [{ name: 'a', exact: '1' }] }, 'GET /', '', false],
  [
    { ...exact('/a'), method: 'GET', headers: [{ name: 'x', exact: '1' }] },
    'GET /a',
    'X: 1\r\n',
    true,
  ],
  [{ ...exact('/a'), method: 'GET', headers: [{ name: 'x', exact: '1' }] }, 'GET /a', '', false],
];

describe('a match', () => {
  for (const [rule, line, fields, taken] of table) {
    const name = `${JSON.stringify(rule)} ${taken ? 'takes' : 'leaves'} ${line} ${fields.trim()}`;
    test(name, () => assert.equal(compileMatch(match(rule))(head(line, fields)), taken));
  }
});

test('query parameters are decoded as a form is', () => {
  const query = 'a=1&b=x+y%2Bz&c&d=&e=%zz&%61a=2&=n';
  const names = ['a', 'b', 'c', 'd', 'e', 'aa', '', 'q'];
  assert.deepEqual(
    names.map((name) => queryValue(query, name)),
    ['1', 'x y+z', '', '', '%zz', '2', 'n', undefined],
  );
  assert.equal(queryValue(undefined, 'a'), undefined);
});

describe('a split', () => {
  test('follows the weights exactly over evenly spread draws', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 6 }), (weights) => {
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const split = new Split(weights.map((weight, item) => ({ item, weight })));
        const counts = weights.map(() => 0);
        for (let i = 0; i < total; i++) {
          const item = split.pick((i + 0.5) / total);
          assert.ok(item !== undefined);
          counts[item] = (counts[item] ?? 0) + 1;
        }
        assert.deepEqual(counts, weights);
      }),
    );
  });

  test('without any weight gives nothing', () => {
    assert.equal(new Split([]).pick(0.5), undefined);
    assert.equal(new Split([{ item: 'a', weight: 0 }]).pick(0), undefined);
  });
});

describe('a route table', () => {
  const route = (name: string): Route => {
    const cluster: Cluster = {
      name,
      acquire: () => {
        throw new Error('not called');
      },
      acquireStream: () => {
        throw new Error('not called');
      },
      hasUntried: () => false,
    };
    return { name, cluster, policy: DEFAULT_POLICY, layers: [], responseLayers: [] };
  };
  const factory = {
    toBackend: (rule: HttpRule, backend: Extract<Backend, { kind: 'service' }>) =>
      route(`${rule.name}>${backend.service}`),
    toAnswer: (rule: HttpRule) => route(`${rule.name}>answer`),
    toService: () => route('service'),
  };
  const backend = (service: string, weight = 1): Backend => ({
    kind: 'service',
    service,
    port: 80,
    weight,
  });
  const rule = (name: string, matches: HttpMatch[], backends: Backend[]): HttpRule => ({
    name,
    matches,
    backends,
    policy: NO_POLICY,
  });
  const select = (
    own: Partial<PortRoutes>,
    request: RequestHead,
    random: () => number = () => 0,
  ): string => {
    const routes = { port: 80, routeBound: true, rules: [], policy: NO_POLICY, ...own };
    const selected = compileRoutes(routes, factory, random).select(request);
    return selected instanceof MeshError ? selected.code : selected.name;
  };

  test('takes the first rule that matches', () => {
    const rules = [
      rule('one', [match(exact('/a')), match(exact('/b'))], [backend('x')]),
      rule('two', [match(prefix('/b'))], [backend('y')]),
      rule('three', [], [backend('z')]),
    ];
    assert.equal(select({ rules }, head('GET /a')), 'one>x');
    assert.equal(select({ rules }, head('GET /b')), 'one>x');
    assert.equal(select({ rules }, head('GET /b/c')), 'two>y');
    assert.equal(select({ rules }, head('GET /c')), 'three>z');
  });

  test('without a match ends in 404 where routes are bound, else at the service', () => {
    const rules = [rule('one', [match(exact('/a'))], [backend('x')])];
    assert.equal(select({ rules }, head('GET /b')), 'no-route');
    assert.equal(select({ rules, routeBound: false }, head('GET /b')), 'service');
    assert.equal(select({ routeBound: false }, head('GET /')), 'service');
  });

  test('splits by weight, and a backend that is not valid fails its share', () => {
    const rules = [
      rule('one', [], [backend('x', 3), { kind: 'invalid', reason: 'none', weight: 1 }]),
    ];
    const draws = [0, 0.5, 0.74, 0.75, 0.99];
    assert.deepEqual(
      draws.map((draw) => select({ rules }, head('GET /'), () => draw)),
      ['one>x', 'one>x', 'one>x', 'invalid-backend', 'invalid-backend'],
    );
  });

  test('fails where a rule has no backend with a weight', () => {
    assert.equal(select({ rules: [rule('one', [], [])] }, head('GET /')), 'invalid-backend');
    const weightless = [rule('one', [], [backend('x', 0)])];
    assert.equal(select({ rules: weightless }, head('GET /')), 'invalid-backend');
  });

  test('explains what it decides, rule by rule', () => {
    const rules = [
      rule('one', [match(exact('/a')), match({ ...prefix('/b'), method: 'POST' })], [backend('x')]),
      rule(
        'two',
        [
          match({
            headers: [{ name: 'x-user', exact: 'ada' }],
            query: [{ name: 'q', exact: '1' }],
          }),
        ],
        [backend('y')],
      ),
      rule('three', [match(prefix('/b'))], [backend('z', 3), backend('y', 1)]),
      rule('four', [], [backend('x')]),
    ];
    const routes = { port: 80, routeBound: true, rules, policy: NO_POLICY };
    const asked = head('GET /b/c?q=2', 'X-User: bob\r\n');
    const { passed, taken, unasked, choices } = compileRoutes(routes, factory).explain(asked);
    assert.deepEqual(
      passed.map(({ rule, reasons }) => [rule.name, ...reasons]),
      [
        ['one', 'the path is /b/c, not /a', 'the method is GET, not POST'],
        ['two', 'the header x-user is "bob", not "ada", and the query parameter q is "2", not "1"'],
      ],
    );
    assert.equal(taken?.name, 'three');
    assert.deepEqual(
      unasked.map(({ name }) => name),
      ['four'],
    );
    assert.deepEqual(
      choices.map(({ item, weight }) => [
        item instanceof MeshError ? item.code : item.name,
        weight,
      ]),
      [
        ['three>z', 3],
        ['three>y', 1],
      ],
    );
  });

  test('explains the same as it decides', () => {
    const rules = [
      rule('one', [match({ ...prefix('/a'), method: 'POST' })], [backend('x')]),
      rule('two', [match(prefix('/a'))], [backend('y', 0)]),
      rule('three', [match(exact('/b'))], [backend('z')]),
    ];
    for (const routeBound of [true, false]) {
      const table = compileRoutes({ port: 80, routeBound, rules, policy: NO_POLICY }, factory);
      for (const line of ['GET /a', 'POST /a', 'GET /b', 'GET /c', 'GET /a%2fb']) {
        const [choice] = table.explain(head(line)).choices;
        const selected = table.select(head(line));
        const nameOf = (item: Route | MeshError | undefined) =>
          item instanceof MeshError ? item.code : item?.name;
        assert.equal(nameOf(choice?.item), nameOf(selected), `${line}, ${routeBound}`);
      }
    }
  });

  test('refuses a path that can be read in two ways, where a rule looks at paths', () => {
    const byPath = [rule('one', [match(prefix('/a'))], [backend('x')])];
    const byHeader = [rule('one', [match(prefix('/'))], [backend('x')])];
    assert.equal(select({ rules: byPath }, head('GET /a/..%2fb')), 'ambiguous-path');
    assert.equal(select({ rules: byPath }, head('GET /a/..;/b')), 'ambiguous-path');
    assert.equal(select({ rules: byHeader }, head('GET /a/..%2fb')), 'one>x');
  });
});
