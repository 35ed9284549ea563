/** A rule of a service, as every proxy of a comparison gets it; all lead to the same place. */
export interface BenchRule {
  readonly kind: 'exact' | 'prefix' | 'expression';
  readonly path: string;
  readonly header?: { readonly name: string; readonly value: string };
}

/** The header that a quarter of the rules look at. */
export const RULE_HEADER = 'x-shop';

/** A path that none but the last rule takes, and that looks like those of the others. */
export const LAST_PATH = '/shop/v1/last';

/**
 * A quarter each of exact paths, expressions, prefixes, and headers, in the order of
 * the Gateway API, and last one that takes everything.
 */
export function benchRules(count: number): BenchRule[] {
  const numbers = Array.from({ length: Math.ceil((count - 1) / 4) }, (_, i) => i);
  const rules: BenchRule[] = [
    ...numbers.map((i) => ({ kind: 'exact' as const, path: `/shop/v1/item-${i}` })),
    ...numbers.map((i) => ({ kind: 'expression' as const, path: `/shop/v1/list-${i}/[0-9]+` })),
    ...numbers.map((i) => ({ kind: 'prefix' as const, path: `/shop/v1/part-${i}` })),
    ...numbers.map((i) => ({
      kind: 'prefix' as const,
      path: '/',
      header: { name: RULE_HEADER, value: `shop-${i}` },
    })),
  ];
  return [...rules.slice(0, count - 1), { kind: 'prefix', path: '/' }];
}
