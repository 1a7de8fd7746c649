import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { seed } from "../protocol/seed.ts"
import type { LogAddress } from "./open-log.ts"
import { STORES } from "./stores/index.ts"

const PROGRAM = fileURLToPath(new URL("chaos.ts", import.meta.url))

interface Run {
  readonly log: LogAddress["kind"]
  readonly seed: number
  /** A second a fault, and one for each kind at least. */
  readonly minutes: string
}

// that the command works, with a file and with a server; each log, seed and failover at length is `npm run chaos`
const RUNS: readonly Run[] = [
  { log: "sqlite", seed, minutes: "0.18" },
  { log: "redis", seed: seed + 2, minutes: "0.25" },
]

// in a process of its own: the test runner follows every promise, which makes this slower many times over
for (const { log, seed, minutes } of RUNS) {
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
