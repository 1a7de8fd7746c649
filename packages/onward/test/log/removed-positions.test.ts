import assert from "node:assert/strict"
import { join } from "node:path"
import { test, type TestContext } from "node:test"
import { memoryLog, type Log, type Loss, type Position, type Retention } from "../../src/log/index.ts"
import { MAX_REMOVED_POSITIONS } from "../../src/log/driver/removed-positions.ts"
import { sqliteLog } from "../../src/log/sqlite/index.ts"
import { temporaryFolder } from "./temporary-folder.ts"

const TOPICS = MAX_REMOVED_POSITIONS + 2500

const logs: Record<string, (t: TestContext, retention: Retention) => Log> = {
  memory: (_, retention) => memoryLog({ retention }),
  SQLite: (t, retention) => sqliteLog(join(temporaryFolder(t), "events.db"), { retention, durability: "normal" }),
}

async function lossAfter(log: Log, after: Position, topics?: readonly string[]): Promise<Loss | undefined> {
  return (await log.read({ after, limit: 1, ...(topics && { topics }) })).lost
}

for (const [name, create] of Object.entries(logs)) {
  test(`a ${name} log that has lost more topics than it remembers reports a loss for any topic, and no false one afterwards`, async (t) => {
    const log = create(t, { count: 2, topic: { count: 1 } })
    const { first: start } = await log.bounds()
    const positions: Position[] = []
    for (let i = 0; i < TOPICS; i += 500) {
      // a busy topic in between, so that one with entries has a mark of its own
      const messages = Array.from({ length: 500 }, (_, j) => ({ topic: `t${i + j}`, data: "" }))
      const appended = await log.append([...messages, { topic: "busy", data: "" }])
      positions.push(...appended.positions.slice(0, 500))
    }
    const forgotten = await lossAfter(log, start, ["t0"])
    assert.deepEqual([...(forgotten?.topics?.keys() ?? [])], ["*"], "its own mark is forgotten")
    const floor = forgotten?.to ?? ""
    assert.ok(floor >= (positions[2400] ?? "") && floor < (positions[4000] ?? ""), "only the oldest marks are")
    assert.deepEqual(await lossAfter(log, start, ["never"]), forgotten, "a topic that never was cannot be told apart")
    assert.equal(await lossAfter(log, floor, ["t0", "never"]), undefined, "after that nothing is told of them")

    const recent = positions[TOPICS - 100] ?? ""
    const lost = await lossAfter(log, start, [`t${TOPICS - 100}`])
    assert.deepEqual(lost, { reason: "trimmed", to: recent, topics: new Map([[`t${TOPICS - 100}`, recent]]) })
    assert.deepEqual([...((await lossAfter(log, start, ["busy"]))?.topics?.keys() ?? [])], ["busy"])

    const all = (await lossAfter(log, start))?.topics
    assert.ok(
      all?.has("*") && all.has("busy") && !all.has("t0") && all.size <= MAX_REMOVED_POSITIONS,
      "what is remembered is named",
    )
    const few = await lossAfter(log, recent)
    assert.ok((few?.topics?.size ?? 0) > 90 && !few?.topics?.has("*"), "few are named")

    await log.append([{ topic: "t0", data: "again" }])
    assert.deepEqual(
      await lossAfter(log, start, ["t0"]),
      forgotten,
      "what is forgotten stays so when the topic has entries again",
    )
    const { positions: later } = await log.append([{ topic: "t0", data: "and again" }])
    const known = await lossAfter(log, start, ["t0"])
    assert.deepEqual([...(known?.topics?.keys() ?? [])], ["t0"], "until it loses one of those")
    assert.ok((known?.to ?? "") < (later[0] ?? ""))
    await log.close()
  })
}
