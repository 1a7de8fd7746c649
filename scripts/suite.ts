import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { execute } from "./command.ts"
import { RUNNING, type Totals } from "./totals.ts"

/** Files whose names end in `.slow.test.ts` run last: real browsers, kills, long streams. */
export type Pace = "fast" | "slow"

/** How long one test may take before it fails, in milliseconds. */
const TIMEOUT: Record<Pace, number> = { fast: 120_000, slow: 240_000 }
/** How many files at once: machines have two cores at least, and what is slow mostly waits. */
const CONCURRENCY: Record<Pace, number> = { fast: 2, slow: 3 }

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
   * How long one file may run before the whole run is ended, in ms: Node's runner waits without end for a process that a test has left
   * behind. @default 900_000
   */
  readonly fileTimeout?: number
}

/** Runs test files with Node's own runner; resolves to its totals. */
export async function runSuite(pace: Pace, options: SuiteOptions = {}): Promise<Totals> {
  const { files = testFiles(pace), fileTimeout = 900_000 } = options
  if (files.length === 0) return { passed: 0, failed: 0, skipped: [], todo: [] }
  const folder = mkdtempSync(join(tmpdir(), "onward-suite-"))
  try {
    const report = join(folder, "totals.json")
    const running = join(folder, "running.json")
    using watch = watchFiles(running, fileTimeout)
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
          ...files,
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
      return { passed: 0, failed: 1, skipped: [], todo: [] }
    }
    const totals = JSON.parse(readFileSync(report, "utf8")) as Totals
    // The runner can fail without a failing test, for instance when a file does not compile.
    return !ran.passed && totals.failed === 0 ? { ...totals, failed: 1 } : totals
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Aborts its signal, with a reason that names the files, once a test file has run for longer than `timeout` ms. */
function watchFiles(running: string, timeout: number): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController()
  const look = (): void => {
    const files = existsSync(running) ? (JSON.parse(readFileSync(running, "utf8")) as Record<string, number>) : {}
    const late = Object.keys(files).filter((file) => Date.now() - (files[file] ?? 0) > timeout)
    if (late.length > 0)
      controller.abort(`The run was ended: ${late.join(", ")} did not end within ${timeout / 1_000} s.`)
  }
  const timer = setInterval(look, Math.min(timeout, 5_000))
  return { signal: controller.signal, [Symbol.dispose]: () => clearInterval(timer) }
}
