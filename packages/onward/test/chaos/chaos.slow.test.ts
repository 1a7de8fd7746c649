import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { seed } from "../protocol/seed.ts"
import { STORES } from "./stores/index.ts"

const PROGRAM = fileURLToPath(new URL("chaos.ts", import.meta.url))

// of two seeds that follow each other, one lets retention remove entries, and one has publishers with ids of their own
const RUNS = [["sqlite", seed] as const, ...(["sqlite", "nats"] as const).map((log, i) => [log, seed + 1 + i] as const)]

// in a process of its own: the test runner follows every promise, which makes this slower many times over
for (const [log, seed] of RUNS) {
  const skip = STORES[log].missing ?? false
  const name = `subscribers of three hubs on ${log} get everything once and in order, or are told, whatever fails (seed ${seed})`
  test(name, { skip }, async () => {
    const args = ["--log", log, "--seed", String(seed), "--minutes", "0.3", "--every", "1200"]
    const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, PROGRAM, ...args]).catch(
      (error: { stdout: string; stderr: string }) => assert.fail(`${error.stdout}\n${error.stderr}`),
    )
    assert.match(stdout, /kept every promise/, stdout)
  })
}
