/** A straight line through points. */
export interface Line {
  /** By how much y rises when x rises by one. */
  readonly slope: number;
  readonly mean: number;
}

/** The line with the least squares. Without two different x it is flat. */
export function fitLine(points: readonly { readonly x: number; readonly y: number }[]): Line {
  const count = points.length;
  if (count === 0) return { slope: 0, mean: 0 };
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / count;
  const mean = points.reduce((sum, { y }) => sum + y, 0) / count;
  let above = 0;
  let below = 0;
  for (const { x, y } of points) {
    above += (x - meanX) * (y - mean);
    below += (x - meanX) ** 2;
  }
  return { slope: below === 0 ? 0 : above / below, mean };
}
