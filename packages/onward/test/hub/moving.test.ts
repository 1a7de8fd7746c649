// What docs/recipes/moving.md says.
import assert from "node:assert/strict"
import { join } from "node:path"
import { test } from "node:test"
import type { Log } from "../../src/log/index.ts"
import { sqliteLog } from "../../src/log/sqlite/index.ts"
import { temporaryFolder } from "../log/temporary-folder.ts"
import { Recorder } from "./recorder.ts"
import { stage, type Stage } from "./stage.ts"

/** The copy of the recipe. */
async function copy(old: Log, target: Log): Promise<void> {
  let { first: after } = await old.bounds()
  for (;;) {
    const { entries, next } = await old.read({ after, limit: 500 })
    const messages = entries.filter(({ topic }) => !topic.startsWith("stream."))
    await target.append(messages.map(({ position: _, time: __, ...message }) => message))
    if (next === after) break
    after = next
  }
}

/** What a client that comes back with an id gets once the log has answered: a database is not part of a test's time. */
async function comeBack(s: Stage, id: string, count: number): Promise<Recorder> {
  const recorder = new Recorder()
  s.hub
    .subscribe({ topics: ["a"] })
    .open({ after: id })
    .start(recorder)
  while (recorder.data.length < count) await new Promise((resolve) => void setTimeout(resolve, 5))
  return recorder
}

test("moved to another log, a client with a position of the old one receives one gap, and all kept entries", async (t) => {
  const old = await stage({ presence: true })
  const [place = ""] = await old.publish("a", "1", "2")
  await old.hub.publish({ topic: "a", data: "3", id: "mine" })
  await old.publish("a", "4")
  const target = sqliteLog(join(temporaryFolder(t), "events.db"))
  await copy(old.log, target)

  const fresh = await stage({ log: target })
  const told = await comeBack(fresh, place, 4)
  assert.deepEqual(told.data, ["1", "2", "3", "4"])
  assert.deepEqual(
    told.gaps.map((gap) => (gap as { reason: string }).reason),
    ["epoch"],
  )
  const exact = await comeBack(fresh, "mine", 1)
  assert.deepEqual([exact.data, exact.gaps], [["4"], []])
  const foreign = await comeBack(fresh, "never-seen", 4)
  assert.deepEqual(
    foreign.gaps.map((gap) => (gap as { reason: string }).reason),
    ["unknown"],
  )
  await fresh.hub.close()
})
