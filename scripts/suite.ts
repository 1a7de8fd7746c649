import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { execute } from "./command.ts"
import { createProcesses, type Pace, type TestProcess } from "./processes.ts"
import { RUNNING, type Totals } from "./totals.ts"

/** How long one test may take before it fails, and a whole file where files share a process, in milliseconds. */
const TIMEOUT: Record<Pace, number> = { fast: 120_000, slow: 240_000 }
/** How long all tests together may take, in milliseconds: many times what they need on two cores. */
const RUN_TIMEOUT: Record<Pace, number> = { fast: 1_800_000, slow: 5_400_000 }
/** How many processes at once: machines have two cores at least, and what is slow mostly waits. */
const CONCURRENCY: Record<Pace, number> = { fast: 3, slow: 5 }

/** Where modules are kept as Node has compiled them (nodejs.org/api/module.html#module-compile-cache). */
const COMPILED = fileURLToPath(new URL("../.cache/compiled", import.meta.url))

/** The test files of the workspace. */
export function testFiles(pace: Pace): string[] {
  const all = globSync(["{packages/*,bench}/test/**/*.test.ts", "examples/**/*.test.ts"], {
    exclude: ["**/node_modules/**"],
  })
  return all.filter((file) => file.endsWith(".slow.test.ts") === (pace === "slow")).sort()
}

export interface SuiteOptions {
  /** The Node that runs the tests. @default the one running now */
  readonly node?: string
  /** Flags for it, passed on to the processes that tests start. */
  readonly flags?: readonly string[]
  /** The files to run. @default all of that pace */
  readonly files?: readonly string[]
  /**
   * How long one process may run before the whole run is ended, in ms: Node's runner waits without end for a process that a test has left
   * behind. @default 900_000
   */
  readonly processTimeout?: number
}

/** Runs test files with Node's own runner; resolves to its totals. */
export async function runSuite(pace: Pace, options: SuiteOptions = {}): Promise<Totals> {
  const { files = testFiles(pace), processTimeout = 900_000 } = options
  if (files.length === 0) return { passed: 0, failed: 0, skipped: [], todo: [], ended: [] }
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
          // hundreds of processes load the same modules
          NODE_COMPILE_CACHE: COMPILED,
        },
      },
    )
    if (watch.signal.aborted) {
      console.log(`\n${String(watch.signal.reason)}`)
      return { passed: 0, failed: 1, skipped: [], todo: [], ended: [] }
    }
    const totals = JSON.parse(readFileSync(report, "utf8")) as Totals
    // A test that calls process.exit() takes those behind it along, and the runner sees a process that ended well.
    const unfinished = processes
      .flatMap(({ files }) => (files.length > 1 ? files : []))
      .filter((file) => !totals.ended.includes(file))
    for (const file of unfinished) console.log(`\n${file} did not run to its end: its process ended before.`)
    const failed = totals.failed + unfinished.length
    // The runner can fail without a failing test, for instance when a file does not compile.
    return { ...totals, failed: !ran.passed && failed === 0 ? 1 : failed }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

interface Limits {
  readonly processTimeout: number
  readonly runTimeout: number
}

/** Aborts its signal, with a reason that names the files, once a process or the run has taken longer than it may. */
function watchProcesses(
  processes: readonly TestProcess[],
  report: string,
  { processTimeout, runTimeout }: Limits,
): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController()
  const began = Date.now()
  const look = (): void => {
    const running = existsSync(report) ? (JSON.parse(readFileSync(report, "utf8")) as Record<string, number>) : {}
    const isRunning = (name: string): boolean => running[name] !== undefined
    const filesOf = (late: readonly TestProcess[]): string =>
      // between the last test and the end of the process no file is on: then it can be any of them
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
  const timer = setInterval(look, Math.min(processTimeout, 5_000))
  return { signal: controller.signal, [Symbol.dispose]: () => clearInterval(timer) }
}
