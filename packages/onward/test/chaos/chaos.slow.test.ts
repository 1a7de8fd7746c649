import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { seed } from "../protocol/seed.ts"
import { STORES } from "./stores/index.ts"

const PROGRAM = fileURLToPath(new URL("chaos.ts", import.meta.url))

// in a process of its own: the test runner follows every promise, which makes this slower many times over
for (const log of Object.keys(STORES)) {
  for (const each of log === "sqlite" ? [seed, seed + 1] : [seed]) {
    test(`subscribers of three hubs on ${log} get everything once and in order, or are told, whatever fails (seed ${each})`, async () => {
      const args = ["--log", log, "--seed", String(each), "--minutes", "0.3", "--every", "1200"]
      const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, PROGRAM, ...args]).catch(
        (error: { stdout: string; stderr: string }) => assert.fail(`${error.stdout}\n${error.stderr}`),
      )
      assert.match(stdout, /kept every promise/, stdout)
    })
  }
}
