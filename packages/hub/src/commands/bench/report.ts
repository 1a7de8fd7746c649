/** The result of a run. Times are in ms. */
export interface Report {
  readonly clients: number
  readonly topics: number
  readonly published: number
  readonly size: number
  readonly seconds: number
  readonly delivered: number
  readonly deliveriesPerSecond: number
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly lost: number
  readonly twice: number
  readonly outOfOrder: number
  readonly gaps: number
  readonly resumes: number
  readonly faults: number
  /** The first fault; "" without one. */
  readonly fault: string
  /** By how much the publishers fell behind. */
  readonly behind: number
}

/** A publisher that is later than this, in ms, makes the lag look worse than the hub is. */
const BEHIND_MS = 100

/** Returns a report as text, as a line of JSON, or as comma-separated values with a header. */
export function formatReport(report: Report, output: "table" | "csv" | "json"): string {
  const { fault: _, ...numbers } = report
  const rounded = Object.fromEntries(
    Object.entries(numbers).map(([name, value]) => [name, Math.round(value * 100) / 100]),
  )
  if (output === "json") return `${JSON.stringify(rounded)}\n`
  if (output === "csv") return `${Object.keys(rounded).join(",")}\n${Object.values(rounded).join(",")}\n`
  return table(report)
}

function table(report: Report): string {
  const { clients, topics, published, size, seconds, delivered, deliveriesPerSecond, resumes, behind } = report
  const rows: [name: string, value: string][] = [
    ["streams", `${count(clients)} on ${count(topics)} topics, ${count(resumes)} cut and resumed`],
    ["published", `${count(published)} messages of ${count(size)} bytes, ${count(published / seconds)}/s`],
    ["delivered", `${count(delivered)}, ${count(deliveriesPerSecond)}/s`],
    ["lag", `p50 ${ms(report.p50)}, p99 ${ms(report.p99)}, max ${ms(report.max)}`],
    ["lost", count(report.lost)],
    ["twice", count(report.twice)],
    ["out of order", count(report.outOfOrder)],
  ]
  if (report.gaps > 0) rows.push(["gaps", `${count(report.gaps)}: the hub keeps too few entries for this load`])
  if (report.faults > 0) rows.push(["faults", count(report.faults)])
  if (behind > BEHIND_MS) {
    rows.push(["note", `the publishers were up to ${ms(behind)} late, so the load was lower than asked for`])
  }
  return rows.map(([name, value]) => `${name.padEnd(13)} ${value}\n`).join("")
}

const count = (value: number): string => Math.round(value).toLocaleString("en-US")

const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`
