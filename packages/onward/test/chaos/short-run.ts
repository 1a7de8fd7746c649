import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { LogAddress } from "./open-log.ts"
import { STORES } from "./stores/index.ts"

const PROGRAM = fileURLToPath(new URL("chaos.ts", import.meta.url))

interface ShortRun {
  readonly log: LogAddress["kind"]
  readonly seed: number
  /** A second a fault, and one for each kind at least. */
  readonly minutes: string
}

/** Declares a test: a chaos run, in a separate process, because the test runner follows every promise, which makes it slower many times over. */
export function testShortRun({ log, seed, minutes }: ShortRun): void {
  const skip = STORES[log].missing ?? false
  const name = `subscribers of three hubs on ${log} get everything once and in order, or are told, when anything fails (seed ${seed})`
  test(name, { skip }, async () => {
    const args = ["--log", log, "--seed", String(seed), "--minutes", minutes, "--every", "1000"]
    const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, PROGRAM, ...args]).catch(
      (error: { stdout: string; stderr: string }) => assert.fail(`${error.stdout}\n${error.stderr}`),
    )
    assert.match(stdout, /kept every promise/, stdout)
  })
}
