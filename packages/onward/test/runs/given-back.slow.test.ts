import assert from "node:assert/strict"
import { test } from "node:test"
import { memoryLog } from "../../src/log/index.ts"
import { createRuns } from "../../src/runs/index.ts"
import { assertGivesBack } from "../garbage.ts"
import { lines } from "./lines.ts"
import { textOf } from "./text-of.ts"

const RUNS = 2_000

test("runs leave nothing behind in a process once they are over: completed, failed, stopped, with and without viewers", async () => {
  const log = memoryLog({ retention: { count: 50 } })
  // the log remembers where it removed the entries of 10,000 topics: then it remembers no more
  for (let i = 0; i < 12; i++)
    await log.append(Array.from({ length: 1_000 }, (_, at) => ({ topic: `topic ${i} ${at}`, data: "" })))
  await using runs = createRuns({ log, format: lines, onError: () => {} })
  async function* words(): AsyncGenerator<string> {
    yield "a"
    yield "b"
  }
  async function* failing(): AsyncGenerator<string> {
    yield "a"
    throw new Error("failed")
  }
  async function* endless({ signal }: { readonly signal: AbortSignal }): AsyncGenerator<string> {
    yield "a"
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }))
  }
  const kinds = [words, failing, endless]
  let started = 0
  let completed = 0
  // what the log remembers of its topics comes and goes by some hundred bytes for each run; a replica takes more
  await assertGivesBack(RUNS * 40, async () => {
    for (let i = 0; i < RUNS; i++) {
      const id = `run ${started++}`
      await runs.start(id, kinds[i % 3] ?? words)
      const viewers = i % 2 === 0 ? [textOf(runs.attach(id)), textOf(runs.attach(id))] : []
      if (i % 3 === 2) await runs.stop(id)
      const text = await textOf(runs.attach(id))
      if (text.includes("completed")) completed++
      await Promise.all(viewers)
    }
  })
  assert.equal(completed, Math.ceil(started / 3))
})
