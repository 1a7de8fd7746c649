import { addHistograms, quantile } from "./lag-histogram.ts"
import { HISTORY_MS, POINT_MS, type Point } from "./worker-numbers.ts"

/** A point of the history, of all workers together. Counts are of {@link POINT_MS}; lags in ms, null without deliveries. */
export interface HistoryPoint extends Omit<Point, "lag"> {
  readonly p50: number | null
  readonly p99: number | null
}

/** Adds the histories of workers, oldest point first. */
export function mergePoints(histories: readonly (readonly Point[])[]): HistoryPoint[] {
  const merged = new Map<number, Point>()
  for (const point of histories.flat()) {
    const known = merged.get(point.at)
    merged.set(point.at, known ? add(known, point) : point)
  }
  const points = [...merged.values()].sort((a, b) => a.at - b.at).slice(-HISTORY_MS / POINT_MS)
  return points.map(({ lag, ...point }) => ({ ...point, p50: quantile(lag, 0.5), p99: quantile(lag, 0.99) }))
}

function add(a: Point, b: Point): Point {
  const sum = Object.fromEntries(
    Object.entries(a).map(([name, value]) => [
      name,
      typeof value === "number" ? value + (b[name as keyof Point] as number) : value,
    ]),
  ) as unknown as Point
  return { ...sum, at: a.at, lag: addHistograms(a.lag, b.lag) }
}
