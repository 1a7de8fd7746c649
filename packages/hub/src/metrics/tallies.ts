/**
 * Counters and histograms as plain numbers, which a scrape turns into metrics. Counting an event costs one lookup in a map, or none for a
 * metric without labels, so that it can be done for each publish and each connection.
 */

/** A metric as prom-client exports and imports it (`getMetricsAsJSON`), also from another worker. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly type: "counter" | "gauge" | "histogram"
  /** How the values of several workers become one. */
  readonly aggregator: "sum" | "max" | "min" | "first"
  readonly values: readonly Sample[]
}

interface Sample {
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
  readonly metricName?: string
}

interface Named {
  /** The name without the prefix `onward_`. */
  readonly name: string
  readonly help: string
  /** The names of its labels. Their values must be few: nothing that a client chooses. */
  readonly labels?: readonly string[]
}

/** A sum that only grows. */
export interface Tally {
  /** Adds to the sum of these values of the labels. */
  add(values: readonly string[], by?: number): void
  /** The sums, by the values of one label. */
  by(label: string): Map<string, number>
  /** The sum of all series. */
  readonly total: number
  family(): Family
}

/** Separates the values of labels in a key: no value has it. */
const SEPARATOR = "\n"
/** Most series of one metric. What comes after them is counted in one series with this value for each label. */
const MAX_SERIES = 500
const OTHER = "other"

const labelsOf = (names: readonly string[], key: string): Record<string, string> => {
  const values = key.split(SEPARATOR)
  return Object.fromEntries(names.map((name, i) => [name, values[i] ?? ""]))
}

/** The series of a metric by their key. One without labels has one series from the beginning. */
class SeriesMap<T> {
  readonly all = new Map<string, T>()
  readonly #only: T | undefined
  readonly #make: () => T

  constructor(labels: readonly string[], make: () => T) {
    this.#make = make
    if (labels.length > 0) return
    this.#only = make()
    this.all.set("", this.#only)
  }

  of(values: readonly string[]): T {
    if (this.#only) return this.#only
    const key = values.length === 1 ? (values[0] as string) : values.join(SEPARATOR)
    return this.all.get(key) ?? this.#add(key, values)
  }

  #add(wanted: string, values: readonly string[]): T {
    const key = this.all.size < MAX_SERIES ? wanted : values.map(() => OTHER).join(SEPARATOR)
    const series = this.all.get(key) ?? this.#make()
    this.all.set(key, series)
    return series
  }
}

export function createTally({ name, help, labels = [] }: Named): Tally {
  const series = new SeriesMap(labels, () => ({ sum: 0 }))
  return {
    add(values, by = 1) {
      series.of(values).sum += by
    },
    by(label) {
      const sums = new Map<string, number>()
      for (const [key, { sum }] of series.all) {
        const of = labelsOf(labels, key)[label] ?? ""
        sums.set(of, (sums.get(of) ?? 0) + sum)
      }
      return sums
    },
    get total() {
      return [...series.all.values()].reduce((total, { sum }) => total + sum, 0)
    },
    family: () =>
      family(
        { name, help, type: "counter" },
        [...series.all].map(([key, { sum }]) => ({ labels: labelsOf(labels, key), value: sum })),
      ),
  }
}

/** Sizes or durations, counted in buckets. */
export interface Histogram {
  /** Adds a value `count` times. */
  add(values: readonly string[], value: number, count?: number): void
  family(): Family
}

interface Buckets {
  readonly counts: number[]
  sum: number
}

/** @param bounds upper bounds of the buckets, in ascending order */
export function createHistogram({ name, help, labels = [] }: Named, bounds: readonly number[]): Histogram {
  const series = new SeriesMap<Buckets>(labels, () => ({ counts: bounds.map(() => 0).concat(0), sum: 0 }))

  function familyOf(key: string, { counts, sum }: Buckets): Sample[] {
    const own = labelsOf(labels, key)
    let total = 0
    const buckets = [...bounds, "+Inf"].map((le, i) => {
      total += counts[i] as number
      return { metricName: `onward_${name}_bucket`, labels: { le, ...own }, value: total }
    })
    return [
      ...buckets,
      { metricName: `onward_${name}_sum`, labels: own, value: sum },
      { metricName: `onward_${name}_count`, labels: own, value: total },
    ]
  }

  return {
    add(values, value, count = 1) {
      const buckets = series.of(values)
      let i = 0
      while (i < bounds.length && value > (bounds[i] as number)) i++
      buckets.counts[i] = (buckets.counts[i] as number) + count
      buckets.sum += value * count
    },
    family: () =>
      family(
        { name, help, type: "histogram" },
        [...series.all].flatMap(([key, buckets]) => familyOf(key, buckets)),
      ),
  }
}

interface GaugeOptions extends Named {
  /** How the values of several workers become one. @default "sum" */
  readonly over?: Family["aggregator"]
}

/** A gauge, from the values of its series. */
export const gauge = (
  { name, help, labels = [], over = "sum" }: GaugeOptions,
  series: readonly (readonly [values: readonly string[], value: number])[],
): Family => ({
  ...family(
    { name, help, type: "gauge" },
    series.map(([values, value]) => ({ labels: labelsOf(labels, values.join(SEPARATOR)), value })),
  ),
  aggregator: over,
})

const family = (
  { name, help, type }: { readonly name: string; readonly help: string; readonly type: Family["type"] },
  values: readonly Sample[],
): Family => ({ name: `onward_${name}`, help, type, aggregator: "sum", values })
