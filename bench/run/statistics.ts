/** The middle value; of an even number of values the mean of the two in the middle; NaN without values. */
export function median(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length % 2 === 1) return sorted[middle] as number
  return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
}

/** A figure with about three digits, and thousands set apart. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "–"
  const size = Math.abs(value)
  if (size >= 1000) return Math.round(value).toLocaleString("en")
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3)
}

/** `median (min–max)`; the median alone when there is one value. */
export function spread(values: readonly number[]): string {
  const known = values.filter((value) => Number.isFinite(value))
  if (known.length < 2) return figure(median(known))
  return `${figure(median(known))} (${figure(Math.min(...known))}–${figure(Math.max(...known))})`
}

/** `median (first quartile–third quartile)`: the middle half of many values, which single disturbances do not widen. */
export function middleHalf(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.round((sorted.length - 1) * share)] ?? Number.NaN
  return `${median(sorted).toFixed(3)} (${at(0.25).toFixed(3)}–${at(0.75).toFixed(3)})`
}
