import { renameSync, writeFileSync } from "node:fs"
import type { TestEvent } from "node:test/reporters"

/** The result of a run of the suite. */
export interface Totals {
  readonly passed: number
  readonly failed: number
  /** Names of the skipped tests, with their reasons. */
  readonly skipped: readonly string[]
  /** Names of the tests whose failure does not count. */
  readonly todo: readonly string[]
  /** The test files that completed; for a file in a separate process, its program. */
  readonly ended: readonly string[]
  /** How long each of them took, in seconds. */
  readonly seconds: Readonly<Record<string, number>>
}

/** The variable with the path of a JSON file of the running test files: path to start time, in ms since 1970. */
export const RUNNING = "RUNNING_TEST_FILES"

/**
 * A reporter for `node --test` that writes {@link Totals} as JSON at the end. The counts come from the runner's summary, the names from its
 * events, because the summary omits skipped suites.
 */
async function* totals(source: AsyncIterable<TestEvent>): AsyncGenerator<string, void> {
  let passed = 0
  let failed = 0
  const skipped: string[] = []
  const todo: string[] = []
  const ended: string[] = []
  const seconds: Record<string, number> = {}
  const running: Record<string, number> = {}
  const keepRunning = (): void => {
    const file = process.env[RUNNING]
    if (file === undefined) return
    // replaced as a whole, because another process reads the file at any time
    writeFileSync(`${file}.next`, JSON.stringify(running))
    renameSync(`${file}.next`, file)
  }
  for await (const event of source) {
    if (event.type === "test:dequeue" && isFile(event.data)) {
      running[event.data.name] = Date.now()
      keepRunning()
    } else if (event.type === "test:complete" && isFile(event.data)) {
      seconds[event.data.name] = (Date.now() - (running[event.data.name] ?? Date.now())) / 1_000
      delete running[event.data.name]
      ended.push(event.data.name)
      keepRunning()
    }
    if (event.type === "test:pass" || event.type === "test:fail") {
      const { name, skip, todo: later } = event.data
      if (skip !== undefined) skipped.push(typeof skip === "string" ? `${name} (${skip})` : name)
      else if (later !== undefined) todo.push(typeof later === "string" ? `${name} (${later})` : name)
    } else if (event.type === "test:summary" && event.data.file === undefined) {
      passed = event.data.counts.passed
      failed = event.data.counts.tests - passed - event.data.counts.skipped - event.data.counts.todo
    }
  }
  yield JSON.stringify({ passed, failed, skipped, todo, ended, seconds } satisfies Totals)
}

/** Whether an event is that of a file: the runner reports files like tests, with the file's name. */
const isFile = ({ name, nesting }: { readonly name: string; readonly nesting: number }): boolean =>
  nesting === 0 && name.endsWith(".test.ts")

// oxlint-disable-next-line import/no-default-export -- what the runner loads
export default totals
