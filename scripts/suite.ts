import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { execute } from "./command.ts"
import { createProcesses, type Pace, type TestProcess } from "./processes.ts"
import { RUNNING, type Totals } from "./totals.ts"

/** Timeout of a test, and of a file in a shared process, in ms. */
const TIMEOUT: Record<Pace, number> = { fast: 120_000, slow: 600_000, long: 900_000 }
/** Timeout of a process, in ms. */
const PROCESS_TIMEOUT: Record<Pace, number> = { fast: 900_000, slow: 1_500_000, long: 900_000 }
/** Timeout of the whole run, in ms: many times its duration on two cores. */
const RUN_TIMEOUT: Record<Pace, number> = { fast: 1_800_000, slow: 5_400_000, long: 5_400_000 }
/** Number of parallel processes. Slow tests wait half of the time, so there are more than two cores can run; with six, the run took longer. */
const CONCURRENCY: Record<Pace, number> = { fast: 3, slow: 4, long: 2 }

/** How many of the slowest processes are named. */
const SHOWN = 12

/** The folder of Node's compile cache (nodejs.org/api/module.html#module-compile-cache). */
const COMPILED = fileURLToPath(new URL("../.cache/compiled", import.meta.url))

/** Returns the test files of the workspace. */
export function testFiles(pace: Pace): string[] {
  const all = globSync(["{packages/*,bench}/test/**/*.test.ts", "examples/**/*.test.ts"], {
    exclude: ["**/node_modules/**"],
  })
  return all.filter((file) => (/\.(slow|long)\.test\.ts$/.exec(file)?.[1] ?? "fast") === pace).sort()
}

export interface SuiteOptions {
  /** The Node that runs the tests. @default the one running now */
  readonly node?: string
  /** Flags of that Node, which the processes that tests start get too. */
  readonly flags?: readonly string[]
  /** The files to run. @default all files of that pace */
  readonly files?: readonly string[]
  /**
   * Maximum time of one process, in ms. Then the whole run is ended, because Node's runner has no timeout for a process that a test started and
   * did not end. @default 15 minutes, of slow tests 45
   */
  readonly processTimeout?: number
}

/** Runs test files with Node's runner. Resolves with the totals. */
export async function runSuite(pace: Pace, options: SuiteOptions = {}): Promise<Totals> {
  const { files = testFiles(pace), processTimeout = PROCESS_TIMEOUT[pace] } = options
  if (files.length === 0) return { passed: 0, failed: 0, skipped: [], todo: [], ended: [], seconds: {} }
  const folder = mkdtempSync(join(tmpdir(), "onward-suite-"))
  try {
    const report = join(folder, "totals.json")
    const running = join(folder, "running.json")
    const processes = createProcesses(folder, files, pace)
    using watch = watchProcesses(processes, running, { processTimeout, runTimeout: RUN_TIMEOUT[pace] })
    const ran = await execute(
      {
        name: `${pace} tests`,
        program: options.node ?? process.execPath,
        args: [
          "--conditions=onward-source",
          "--test",
          `--test-concurrency=${CONCURRENCY[pace]}`,
          `--test-timeout=${TIMEOUT[pace]}`,
          `--test-reporter=${process.env.CI ? "spec" : "dot"}`,
          "--test-reporter-destination=stdout",
          "--test-reporter=./scripts/totals.ts",
          `--test-reporter-destination=${report}`,
          ...processes.map(({ entry }) => entry),
        ],
      },
      {
        loud: true,
        signal: watch.signal,
        env: {
          [RUNNING]: running,
          NODE_OPTIONS: [process.env.NODE_OPTIONS, ...(options.flags ?? [])].join(" ").trim(),
          // saves time, because hundreds of processes load the same modules
          NODE_COMPILE_CACHE: COMPILED,
        },
      },
    )
    if (watch.signal.aborted) {
      console.log(`\n${String(watch.signal.reason)}`)
      return { passed: 0, failed: 1, skipped: [], todo: [], ended: [], seconds: {} }
    }
    const totals = JSON.parse(readFileSync(report, "utf8")) as Totals
    // If a test calls process.exit(), the later tests do not run, and the runner sees a successful process.
    const unfinished = processes
      .flatMap(({ files }) => (files.length > 1 ? files : []))
      .filter((file) => !totals.ended.includes(file))
    for (const file of unfinished)
      console.log(`\n${file} did not complete. Its process ended before: look for a call of process.exit().`)
    console.log(`\nSlowest processes: ${slowest(processes, totals.seconds).join(", ")}`)
    const failed = totals.failed + unfinished.length
    // The runner can fail without a failing test, for instance when a file does not compile.
    return { ...totals, failed: !ran.passed && failed === 0 ? 1 : failed }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Describes the processes that took longest, by their first file. */
function slowest(processes: readonly TestProcess[], seconds: Totals["seconds"]): string[] {
  return processes
    .map(({ entry, files }) => ({ time: seconds[entry] ?? 0, files }))
    .toSorted((a, b) => b.time - a.time)
    .slice(0, SHOWN)
    .map(({ time, files: [file = "", ...others] }) => {
      const name = others.length > 0 ? `${file} and ${others.length} more` : file
      return `${name} ${time.toFixed(0)} s`
    })
}

interface Limits {
  readonly processTimeout: number
  readonly runTimeout: number
}

/** Aborts its signal, with a reason that names the files, when a process or the run exceeds its timeout. */
function watchProcesses(
  processes: readonly TestProcess[],
  report: string,
  { processTimeout, runTimeout }: Limits,
): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController()
  const began = Date.now()
  const checkTimeouts = (): void => {
    const running = existsSync(report) ? (JSON.parse(readFileSync(report, "utf8")) as Record<string, number>) : {}
    const isRunning = (name: string): boolean => running[name] !== undefined
    const filesOf = (late: readonly TestProcess[]): string =>
      // after the last test of a process no file is running, so it can be any of them
      late.flatMap(({ files }) => (files.some(isRunning) ? files.filter(isRunning) : files)).join(", ")
    const alive = processes.filter(({ entry }) => isRunning(entry))
    const late = alive.filter(({ entry }) => Date.now() - (running[entry] ?? 0) > processTimeout)
    if (late.length > 0)
      controller.abort(`The run was ended: ${filesOf(late)} did not end within ${processTimeout / 1_000} s.`)
    else if (Date.now() - began > runTimeout)
      controller.abort(
        `The run was ended: it took longer than ${runTimeout / 1_000} s, with ${filesOf(alive)} running.`,
      )
  }
  const timer = setInterval(checkTimeouts, Math.min(processTimeout, 5_000))
  return { signal: controller.signal, [Symbol.dispose]: () => clearInterval(timer) }
}
