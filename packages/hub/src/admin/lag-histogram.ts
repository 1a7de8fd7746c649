/**
 * Delays in ms, counted in buckets whose bounds grow by a fourth root of two: a quantile is at most 19 % too high. Two histograms are added
 * bucket by bucket, so workers can be summed.
 */
export type LagHistogram = number[]

/** The last bucket holds everything from about 9 hours. */
const BUCKETS = 100

export const emptyHistogram = (): LagHistogram => []

/** Counts `count` deliveries that took `ms`. */
export function addLag(histogram: LagHistogram, ms: number, count: number): void {
  const bucket = Math.min(BUCKETS - 1, Math.floor(Math.log2(1 + Math.max(0, ms)) * 4))
  while (histogram.length <= bucket) histogram.push(0)
  histogram[bucket] = (histogram[bucket] ?? 0) + count
}

export function addHistograms(a: LagHistogram, b: LagHistogram): LagHistogram {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, i) => (a[i] ?? 0) + (b[i] ?? 0))
}

/** The delay in ms that a share of the deliveries did not exceed; null without deliveries. */
export function quantile(histogram: LagHistogram, share: number): number | null {
  const total = histogram.reduce((sum, count) => sum + count, 0)
  if (total === 0) return null
  let seen = 0
  for (const [i, count] of histogram.entries()) {
    seen += count
    if (seen >= total * share) return 2 ** ((i + 1) / 4) - 1
  }
  return null
}
