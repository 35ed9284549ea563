import { MeshError } from '../runtime/errors.ts';

const FACTOR: Readonly<Record<string, number>> = {
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/**
 * A positive Kubernetes quantity as a number: `100m` is 0.1, `64Mi` is 67108864.
 * Takes the suffixes that make sense for a container, and no exponents.
 *
 * @throws MeshError `bad-quantity`
 */
export function parseQuantity(text: string): number {
  const match = /^(\d{1,15}(?:\.\d{1,9})?)(m|[kMGT]|[KMGT]i|)$/.exec(text);
  const value = Number(match?.[1]) * (FACTOR[match?.[2] ?? ''] ?? Number.NaN);
  if (!(value > 0)) {
    throw new MeshError('bad-quantity', 'it must be a positive quantity such as 100m or 128Mi');
  }
  return value;
}
