import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { test, type TestContext } from "node:test"
import { fileURLToPath } from "node:url"
import { connect } from "@nats-io/transport-node"
import type { Log } from "../../src/log/index.ts"
import { natsLog } from "../../src/log/nats/index.ts"
import { sqliteLog } from "../../src/log/sqlite/index.ts"
import { createRuns, type Runs } from "../../src/runs/index.ts"
import { temporaryFolder } from "../log/temporary-folder.ts"
import { natsMissing, startNats } from "../stores/nats.ts"
import { lines } from "./lines.ts"
import { textOf } from "./text-of.ts"

const LEASE = 1_000
/** For runs that are not to be given up, however long a busy machine lets their process stand still. */
const LONG_LEASE = 600_000

/** Keeps all that is said, for words that come before anybody waits for them. */
function listenTo(stdout: Readable): (word: string) => Promise<void> {
  let said = ""
  let look = (): void => {}
  stdout.on("data", (chunk: Buffer) => {
    said += chunk.toString()
    look()
  })
  return (word) =>
    new Promise((resolve) => {
      look = () => {
        if (said.includes(word)) resolve()
      }
      look()
    })
}

interface Place {
  readonly name: string
  readonly missing?: string | undefined
  /** Where the store is, and our own handle on it. */
  open(t: TestContext): Promise<{ place: string; log: Log }>
}

const places: readonly Place[] = [
  {
    name: "sqlite",
    async open(t) {
      const place = join(temporaryFolder(t), "runs.db")
      return { place, log: sqliteLog(place) }
    },
  },
  {
    name: "nats",
    missing: natsMissing,
    async open(t) {
      const server = await startNats()
      t.after(() => server.close())
      const connection = await connect({ servers: server.address })
      t.after(() => connection.close())
      return { place: server.address, log: natsLog(connection) }
    },
  },
]

/** A process that produces the run `a`, and runs of this process on the same store. */
async function producing(t: TestContext, { name, open }: Place, lease = LEASE) {
  const file = fileURLToPath(new URL("./programs/produce.ts", import.meta.url))
  const { place, log } = await open(t)
  const program = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", "--conditions=onward-source", file, name, place, "a", `${lease}`],
    { stdio: ["pipe", "pipe", "inherit"] },
  )
  const exited = once(program, "exit")
  const hasSaid = listenTo(program.stdout)
  await Promise.race([hasSaid("started"), exited.then(([code]) => assert.fail(`the producer ended by ${code}`))])
  const runs = createRuns({ log, format: lines, lease })
  t.after(async () => {
    program.kill("SIGKILL")
    await exited
  })
  return { program, runs, hasSaid }
}

/** Resolves once a few words have come. */
async function comesAlong(runs: Runs<string>): Promise<void> {
  let frames = 0
  for await (const _ of runs.attach("a")) if (frames++ > 3) return
}

const whole = /^(?:\d+ )+\[lost producer_lost\]$/

for (const place of places) {
  const skip = place.missing ?? false

  test(`${place.name}: a killed producer is detected within a lease, and its output is kept`, { skip }, async (t) => {
    const { program, runs } = await producing(t, place)
    await using _ = runs
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

  test(
    `${place.name}: a producer that was frozen and marked lost changes nothing when it wakes, and stops`,
    { skip },
    async (t) => {
      const { program, runs, hasSaid } = await producing(t, place)
      await using _ = runs
      const viewer = textOf(runs.attach("a"))
      await comesAlong(runs)
      program.kill("SIGUSR2")
      const text = await viewer
      assert.match(text, whole)
      program.kill("SIGCONT")
      await hasSaid("aborted")
      assert.equal(await textOf(runs.attach("a")), text)
    },
  )

  test(`${place.name}: a run in another process is stopped from this one`, { skip }, async (t) => {
    const { runs, hasSaid } = await producing(t, place, LONG_LEASE)
    await using _ = runs
    const viewer = textOf(runs.attach("a"))
    await comesAlong(runs)
    assert.equal(await runs.stop("a"), "stopped")
    assert.match(await viewer, /^(?:\d+ )+\[stopped\]$/)
    await hasSaid("aborted")
    assert.equal(await runs.stop("a"), "already-ended")
  })

  test(`${place.name}: a run with a lost producer is stopped without waiting for its lease`, { skip }, async (t) => {
    const { program, runs } = await producing(t, place, LONG_LEASE)
    await using _ = runs
    const viewer = textOf(runs.attach("a"))
    await comesAlong(runs)
    program.kill("SIGKILL")
    assert.equal(await runs.stop("a"), "stopped")
    assert.match(await viewer, /^(?:\d+ )+\[stopped\]$/)
  })
}
