import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import type { LoadOptions, LoadReport } from "../load/options.ts"
import { Helper, type StartOptions } from "./process.ts"
import type { Scenario } from "./scenarios.ts"
import { cpuSeconds, machineSeconds, residentKiB, waitingSeconds, watchMemory } from "./usage.ts"

/** One server in one scenario, once. Memory in KiB. */
export interface Sample {
  /** CPU microseconds of the server for each delivery, token, publish or cycle. */
  readonly us: number
  readonly report: LoadReport
  /** Deliveries made over deliveries wanted, at the deadline. */
  readonly share: number
  /** Share of the machine's time that its host gave to others meanwhile: it makes latencies worse, CPU time hardly. */
  readonly stolen: number
  /** Share of the time that the server was kept from its core by others: it then coalesces more, which looks like less work. */
  readonly waited: number
  /** Resident memory: just started, connected, at most, at the end, and at the end after garbage collection. */
  readonly memory: { readonly empty: number; readonly before: number; readonly peak: number; readonly after: number }
  readonly collected: { readonly empty: number; readonly after: number }
  /** CPU microseconds of the server for each connection that was opened. */
  readonly connectUs: number
  /** Why the run does not count; undefined for a good one. */
  readonly failure: string | undefined
}

export interface Setup {
  readonly server: ServerStart
  readonly load: Omit<LoadOptions, "port">
}

/** How a server starts: a file in `bench`, and what runs it. */
export type ServerStart = Pick<StartOptions, "program" | "flags" | "file" | "args">

const bench = join(import.meta.dirname, "..")

/** Runs a server on core 0 and the load generator on core 1, and watches the server. */
export async function measure({ server: start, load }: Setup, scenario: Scenario): Promise<Sample> {
  const server = new Helper({ ...start, core: 0, file: join(bench, start.file) })
  let generator: Helper | undefined
  try {
    const { port } = await server.hear<{ port: number }>(20)
    await sleep(300)
    const empty = await memoryOf(server)
    const options = { ...load, port } satisfies LoadOptions
    const unopened = cpuSeconds(server.pid)
    generator = new Helper({ core: 1, file: join(bench, "load/main.ts"), args: [JSON.stringify(options)] })
    await generator.hear(60)
    await sleep(scenario.unit === "connection" ? 2500 : 700)
    const before = residentKiB(server.pid)
    const watch = watchMemory(server.pid)
    const cpu = cpuSeconds(server.pid)
    const connectUs = ((cpu - unopened) * 1e6) / load.connections
    const machine = machineSeconds()
    const waiting = waitingSeconds(server.pid)
    const started = performance.now()
    generator.say("go")
    const report = await generator.hear<LoadReport>()
    const used = cpuSeconds(server.pid) - cpu
    const { total, stolen } = machineSeconds()
    const waited = (waitingSeconds(server.pid) - waiting) / ((performance.now() - started) / 1000)
    const peak = watch.stop()
    const after = await memoryOf(server)
    const wanted = report.done + report.missing
    return {
      us: report.done > 0 ? (used * 1e6) / report.done : 0,
      report,
      share: wanted > 0 ? report.done / wanted : 1,
      stolen: (stolen - machine.stolen) / Math.max(1, total - machine.total),
      waited,
      connectUs,
      memory: { empty: empty.plain, before, peak, after: after.plain },
      collected: { empty: empty.collected, after: after.collected },
      failure: judge(report, scenario),
    }
  } finally {
    await generator?.stop()
    await server.stop()
  }
}

/** Resident memory in KiB, as it is and after garbage collection. */
export async function memoryOf(server: Helper): Promise<{ plain: number; collected: number }> {
  const plain = residentKiB(server.pid)
  server.say("gc")
  await server.hear()
  return { plain, collected: residentKiB(server.pid) }
}

/** What is wrong with a run, if anything. */
export function judge(
  { lost, duplicated, reordered, missing, faults, faultText }: LoadReport,
  { overload }: Pick<Scenario, "overload">,
): string | undefined {
  const problems = [
    lost > 0 && `${lost} events lost`,
    duplicated > 0 && `${duplicated} twice`,
    reordered > 0 && `${reordered} out of order`,
    missing > 0 && !overload && `${missing} did not arrive`,
    faults > 0 && !(overload && missing > 0) && `${faults} faults, first: ${faultText}`,
  ].filter(Boolean)
  return problems.length > 0 ? problems.join(", ") : undefined
}
