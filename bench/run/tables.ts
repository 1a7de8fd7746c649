import * as results from "./results.ts"
import type { Metric, Result } from "./results.ts"
import { figure, median, spread } from "./statistics.ts"

type Column = readonly [title: string, metric: Metric]

const latency: readonly Column[] = [
  ["p50 ms", results.p50],
  ["p99 ms", results.p99],
]

/** What is worth saying in a scenario; the first column is what the ratios are of. */
function columnsOf({ scenario }: Result): readonly Column[] {
  if (scenario.control) {
    return [
      ["MiB above control", results.aboveControl],
      ["peak MiB above control", results.peakAboveControl],
      ["MiB grown", results.growth],
      ["MiB grown, control", results.growthOfControl],
      ["µs/delivery", results.cpu],
      ...latency,
    ]
  }
  if (scenario.unit === "connection") {
    return [
      ["KiB/connection", results.idleCollected],
      ["before collection", results.idlePlain],
      ["µs/connect", results.connect],
    ]
  }
  const us: Column = [`µs/${scenario.unit}`, results.cpu]
  const pace: Column = [`${plural(scenario.unit)}/s`, results.perSecond]
  if (scenario.overload) return [us, pace, ["% in time", results.share], ...latency]
  return scenario.unit === "delivery" || scenario.unit === "token" ? [us, pace, ...latency] : [us, pace]
}

const plural = (unit: string): string =>
  unit === "delivery" ? "deliveries" : unit === "publish" ? "publishes" : `${unit}s`

/** One scenario as a Markdown table: medians with least and most, and ratios taken within the rounds. */
export function tableOf(result: Result): string {
  const columns = columnsOf(result)
  const [, primary] = columns[0] as Column
  const others = result.scenario.control ? [] : result.servers
  const header = [
    "server",
    ...columns.map(([title]) => title),
    ...others.map((other) => `× ${other}`),
    "lost, twice, out of order",
  ]
  const rows = result.servers.map((server) => [
    server,
    ...columns.map(([, metric]) => spread(results.values(result, server, metric))),
    ...others.map((other) => (other === server ? "1" : figure(median(results.ratios(result, server, other, primary))))),
    verdict(result, server),
  ])
  const { name, about } = result.scenario
  return `### ${name}\n\n${about}.${disturbances(result)}\n\n${markdown([header, ...rows])}`
}

/** Worth saying when something else had more than a twentieth of the time in some round. */
function disturbances({ rounds }: Result): string {
  const samples = rounds.flatMap((round) => [...round.values()].map(({ sample }) => sample))
  const say = (what: string, shares: number[]): string => {
    const most = Math.max(...shares)
    return most > 0.05 ? ` ${what} ${figure(100 * median(shares))} % of the time, at most ${figure(100 * most)} %.` : ""
  }
  return (
    say(
      "The machine's host gave its time to others",
      samples.map(({ stolen }) => stolen),
    ) +
    say(
      "A server was kept from its core",
      samples.map(({ waited }) => waited),
    )
  )
}

function verdict({ rounds, scenario }: Result, server: string): string {
  const failures = rounds.flatMap((round) => {
    const measured = round.get(server)
    return measured ? (results.failureOf(measured) ?? []) : []
  })
  if (failures.length > 0) return `FAILED: ${failures[0]}`
  return scenario.unit === "delivery" || scenario.unit === "token" ? "0, 0, 0" : "–"
}

/** Aligned, so that it reads well unrendered too. */
export function markdown([header = [], ...rows]: readonly (readonly string[])[]): string {
  const widths = header.map((_, column) => Math.max(3, ...[header, ...rows].map((row) => (row[column] ?? "").length)))
  const write = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |`
  return [write(header), write(widths.map((width) => "-".repeat(width))), ...rows.map(write)].join("\n")
}
