import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { test, type TestContext } from "node:test"
import { fileURLToPath } from "node:url"
import { sqliteLog } from "../../src/log/sqlite/index.ts"
import { createRuns, type Runs } from "../../src/runs/index.ts"
import { output } from "../log/program.ts"
import { temporaryFolder } from "../log/temporary-folder.ts"
import { lines } from "./lines.ts"
import { textOf } from "./text-of.ts"

const LEASE = 1_000

/** A process that produces the run `a`, and runs of this process on the same store. */
async function producing(t: TestContext) {
  const path = join(temporaryFolder(t), "runs.db")
  const file = fileURLToPath(new URL("./programs/produce.ts", import.meta.url))
  const program = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", "--conditions=onward-source", file, path, "a", `${LEASE}`],
    { stdio: ["pipe", "pipe", "inherit"] },
  )
  const exited = once(program, "exit")
  assert.equal(await output(program), "started\n")
  const runs = createRuns({ log: sqliteLog(path), format: lines, lease: LEASE })
  t.after(async () => {
    program.kill("SIGKILL")
    await exited
    await runs.close()
  })
  return { program, runs }
}

/** Resolves once a few words have come. */
async function comesAlong(runs: Runs<string>): Promise<void> {
  let frames = 0
  for await (const _ of runs.attach("a")) if (frames++ > 3) return
}

const whole = /^(?:\d+ )+\[lost producer_lost\]$/

test("a producer that is killed is noticed within a lease, and what it had said is kept", async (t) => {
  const { program, runs } = await producing(t)
  const viewers = [textOf(runs.attach("a")), textOf(runs.attach("a"))]
  await comesAlong(runs)
  program.kill("SIGKILL")
  const [text = "", other] = await Promise.all(viewers)
  assert.match(text, whole)
  assert.equal(text, other)
  const words = text.split(" ").slice(0, -2).map(Number)
  assert.deepEqual(
    words,
    words.map((_, n) => n),
    "each word once, in order",
  )
  assert.equal((await runs.status("a")).status, "lost")
  assert.equal(await textOf(runs.attach("a")), text)
})

test("a producer that was frozen, and given up, changes nothing when it wakes, and gives up itself", async (t) => {
  const { program, runs } = await producing(t)
  const viewer = textOf(runs.attach("a"))
  await comesAlong(runs)
  program.kill("SIGSTOP")
  const text = await viewer
  assert.match(text, whole)
  program.kill("SIGCONT")
  assert.equal(await output(program), "aborted\n")
  assert.equal(await textOf(runs.attach("a")), text)
})

test("a run in another process is stopped from this one", async (t) => {
  const { program, runs } = await producing(t)
  const viewer = textOf(runs.attach("a"))
  await comesAlong(runs)
  assert.equal(await runs.stop("a"), "stopped")
  assert.match(await viewer, /^(?:\d+ )+\[stopped\]$/)
  assert.equal(await output(program), "aborted\n")
  // dead or alive
  assert.equal(await runs.stop("a"), "already-ended")
})
