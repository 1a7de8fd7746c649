import type { Sample } from "./measure.ts"
import type { Scenario } from "./scenarios.ts"
import { median } from "./statistics.ts"

/** One server's sample in one round, with the control's where the scenario has one. */
export interface Measured {
  readonly sample: Sample
  readonly control?: Sample
}

/** One pass over all servers; ratios are taken within it, so that what disturbs the machine disturbs both sides. */
export type Round = ReadonlyMap<string, Measured>

export interface Result {
  readonly scenario: Scenario
  readonly servers: readonly string[]
  readonly rounds: readonly Round[]
}

export type Metric = (measured: Measured, scenario: Scenario) => number

export const cpu: Metric = ({ sample }) => sample.us
export const p50: Metric = ({ sample }) => sample.report.p50
export const p99: Metric = ({ sample }) => sample.report.p99
export const perSecond: Metric = ({ sample }) => sample.report.perSecond
export const share: Metric = ({ sample }) => 100 * sample.share
export const idlePlain: Metric = ({ sample: { memory } }, { load }) => (memory.before - memory.empty) / load.connections
export const idleCollected: Metric = ({ sample: { collected } }, { load }) =>
  (collected.after - collected.empty) / load.connections
export const connect: Metric = ({ sample }) => sample.connectUs
/** MiB that the process grew by, after garbage collection. */
export const growth: Metric = ({ sample: { collected } }) => (collected.after - collected.empty) / 1024
export const growthOfControl: Metric = ({ control }) =>
  control ? (control.collected.after - control.collected.empty) / 1024 : Number.NaN
export const aboveControl: Metric = (measured, scenario) =>
  growth(measured, scenario) - growthOfControl(measured, scenario)
export const peakAboveControl: Metric = ({ sample, control }) =>
  control
    ? (sample.memory.peak - sample.memory.empty - (control.memory.peak - control.memory.empty)) / 1024
    : Number.NaN

/** The metric of one server in every round that counts. */
export function values({ rounds, scenario }: Result, server: string, metric: Metric): number[] {
  return rounds.flatMap((round) => {
    const measured = round.get(server)
    return measured && !failureOf(measured) ? [metric(measured, scenario)] : []
  })
}

/** The metric of `server` over that of `other`, round by round. */
export function ratios({ rounds, scenario }: Result, server: string, other: string, metric: Metric): number[] {
  return rounds.flatMap((round) => {
    const [one, two] = [round.get(server), round.get(other)]
    return one && two && !failureOf(one) && !failureOf(two) ? [metric(one, scenario) / metric(two, scenario)] : []
  })
}

export const medianOf = (result: Result, server: string, metric: Metric): number =>
  median(values(result, server, metric))

export const failureOf = ({ sample, control }: Measured): string | undefined => sample.failure ?? control?.failure
