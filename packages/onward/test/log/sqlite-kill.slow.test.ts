import assert from "node:assert/strict"
import { once } from "node:events"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { test } from "node:test"
import { setTimeout as pause } from "node:timers/promises"
import { sqliteLog } from "../../src/log/sqlite/index.ts"
import { start } from "./program.ts"
import { temporaryFolder } from "./temporary-folder.ts"

const ROUNDS = 10

/** Lets a publisher run for a while and kills it; resolves to the acknowledgements it got out before. */
async function round(path: string, name: string): Promise<{ position: string; data: string }[]> {
  const publisher = start("publish-until-killed", path, name)
  const exited = once(publisher, "exit")
  const chunks: Buffer[] = []
  publisher.stdout.on("data", (chunk: Buffer) => chunks.push(chunk))
  await once(publisher.stdout, "data")
  await pause(Math.random() * 120)
  publisher.kill("SIGKILL")
  assert.deepEqual(await exited, [null, "SIGKILL"])
  const lines = Buffer.concat(chunks).toString().split("\n")
  // what follows the last line feed was cut by the kill
  return lines.slice(0, -1).map((line) => {
    const [position = "", data = ""] = line.split(" ")
    return { position, data }
  })
}

test(`all acknowledged messages are kept after ${ROUNDS * 2} kills, in order, and the file is undamaged`, async (t) => {
  const path = join(temporaryFolder(t), "events.db")
  const acknowledged: { position: string; data: string }[] = []
  // two relays on the same file, so that one publisher is killed while another one writes
  const relay = async (name: string): Promise<void> => {
    for (let i = 0; i < ROUNDS; i++) acknowledged.push(...(await round(path, `${name}${i}`)))
  }
  await Promise.all([relay("a"), relay("b")])
  t.diagnostic(`${acknowledged.length} acknowledged messages`)
  assert.ok(acknowledged.length > ROUNDS)

  const log = sqliteLog(path, { retention: {} })
  const kept: string[] = []
  const dataAt = new Map<string, string>()
  let { first: at } = await log.bounds()
  for (;;) {
    const { entries, next, lost } = await log.read({ after: at, limit: 1000 })
    assert.equal(lost, undefined)
    for (const { position, data } of entries) {
      kept.push(position)
      dataAt.set(position, data)
    }
    if (next === at) break
    at = next
  }
  assert.deepEqual(kept, [...new Set(kept)].sort(), "each position once, in order")
  for (const { position, data } of acknowledged) assert.equal(dataAt.get(position), data)

  // each lane of each round waited for one acknowledgement before it went on
  const lanes = Map.groupBy(dataAt.values(), (data) => data.split("/").slice(0, 2).join("/"))
  for (const [lane, data] of lanes) {
    const expected = data.map((_, i) => i)
    const steps = data.map((text) => text.split("/").slice(2).map(Number))
    const numbers = steps.map(([i = 0, j = 0]) => 6 * Math.floor(i / 3) + [0, 1, 3][i % 3]! + j)
    assert.deepEqual(numbers, expected, `${lane} has no hole, and no half of a call`)
  }
  await log.append([{ topic: "a", data: "after all" }])
  await log.close()

  const database = new DatabaseSync(path)
  assert.deepEqual({ ...database.prepare("PRAGMA integrity_check").get() }, { integrity_check: "ok" })
  const counted = "SELECT count(*) AS count, sum(size) AS bytes FROM entries"
  assert.deepEqual(database.prepare("SELECT count, bytes FROM log").get(), database.prepare(counted).get())
  const wrong = database.prepare(`
    SELECT name FROM topics WHERE (count, bytes) IS NOT
      (SELECT count(*), coalesce(sum(size), 0) FROM entries WHERE entries.topic = topics.id)`)
  assert.deepEqual(wrong.all(), [], "the counters agree with what is kept")
  database.close()
})
