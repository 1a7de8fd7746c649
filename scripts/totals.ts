import { renameSync, writeFileSync } from "node:fs"
import type { TestEvent } from "node:test/reporters"

/** What a run of the suite came to. */
export interface Totals {
  readonly passed: number
  readonly failed: number
  /** Names of the tests that did not run, with the reason given. */
  readonly skipped: readonly string[]
  /** Names of the tests whose failure does not count. */
  readonly todo: readonly string[]
  /** The test files that ran to their end; of those with a process of their own, its program. */
  readonly ended: readonly string[]
}

/** Names the file in which a run keeps the test files that have begun and not ended: paths, with the time each began (ms since 1970). */
export const RUNNING = "RUNNING_TEST_FILES"

/**
 * A reporter for `node --test` that writes {@link Totals} as JSON once all is over. The runner's own summary counts; its
 * events give the names, those of skipped suites too, which the summary leaves out.
 */
async function* totals(source: AsyncIterable<TestEvent>): AsyncGenerator<string, void> {
  let passed = 0
  let failed = 0
  const skipped: string[] = []
  const todo: string[] = []
  const ended: string[] = []
  const running: Record<string, number> = {}
  const keepRunning = (): void => {
    const file = process.env[RUNNING]
    if (file === undefined) return
    // another process reads it at any time: it must never see half of it
    writeFileSync(`${file}.next`, JSON.stringify(running))
    renameSync(`${file}.next`, file)
  }
  for await (const event of source) {
    if (event.type === "test:dequeue" && isFile(event.data)) {
      running[event.data.name] = Date.now()
      keepRunning()
    } else if (event.type === "test:complete" && isFile(event.data)) {
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
  yield JSON.stringify({ passed, failed, skipped, todo, ended } satisfies Totals)
}

/** The runner has an event for each file too, which bears the name of the file. */
const isFile = ({ name, nesting }: { readonly name: string; readonly nesting: number }): boolean =>
  nesting === 0 && name.endsWith(".test.ts")

// oxlint-disable-next-line import/no-default-export -- what the runner loads
export default totals
