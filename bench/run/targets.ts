import * as results from "./results.ts"
import type { Metric, Result } from "./results.ts"
import { figure, median } from "./statistics.ts"
import { markdown } from "./tables.ts"

interface Target {
  readonly text: string
  readonly scenario: string
  /** The figure, its unit, and the most (or with `atLeast` the least) it may be. */
  readonly figure: (result: Result) => number
  readonly unit: string
  readonly limit: number
  readonly atLeast?: boolean
}

const times = (metric: Metric) => (result: Result) => median(results.ratios(result, "onward", "node-http", metric))
const own = (metric: Metric) => (result: Result) => results.medianOf(result, "onward", metric)

const targets: readonly Target[] = [
  {
    text: "single events to 1,000 subscribers: CPU a delivery",
    scenario: "fanout-1k",
    figure: times(results.cpu),
    unit: "× node-http",
    limit: 0.8,
  },
  {
    text: "bursts of 100 to 2,000: CPU a delivery",
    scenario: "burst",
    figure: times(results.cpu),
    unit: "× node-http",
    limit: 1 / 30,
  },
  {
    text: "400,000 deliveries/s wanted: delivered in time",
    scenario: "overload",
    figure: own(results.share),
    unit: "%",
    limit: 100,
    atLeast: true,
  },
  { text: "400,000 deliveries/s wanted: p99", scenario: "overload", figure: own(results.p99), unit: "ms", limit: 50 },
  {
    text: "idle connection: memory",
    scenario: "idle",
    figure: times(results.idleCollected),
    unit: "× node-http",
    limit: 0.65,
  },
  {
    text: "one stalled reader: memory above the control",
    scenario: "slow",
    figure: own(results.aboveControl),
    unit: "MiB",
    limit: 2,
  },
  {
    text: "tokens from a generator: CPU a token",
    scenario: "tokens",
    figure: times(results.cpu),
    unit: "× node-http",
    limit: 0.8,
  },
]

/** Each target with what was reached; undefined when no scenario of this run has one. */
export function targetTable(all: readonly Result[]): string | undefined {
  const rows = targets.flatMap(({ text, scenario, figure: of, unit, limit, atLeast }) => {
    const result = all.find((one) => one.scenario.name === scenario && one.servers.includes("onward"))
    if (!result) return []
    const reached = of(result)
    if (Number.isNaN(reached)) return [[text, `${atLeast ? "≥" : "≤"} ${figure(limit)} ${unit}`, "–", "not measured"]]
    const met = atLeast ? reached >= limit : reached <= limit
    return [
      [text, `${atLeast ? "≥" : "≤"} ${figure(limit)} ${unit}`, `${figure(reached)} ${unit}`, met ? "met" : "NOT MET"],
    ]
  })
  return rows.length > 0 ? `### Targets\n\n${markdown([["target", "wanted", "reached", ""], ...rows])}` : undefined
}
