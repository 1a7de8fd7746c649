import assert from "node:assert/strict"
import { test } from "node:test"
import { createHub, memoryLog, publishedLog } from "../../src/index.ts"

test("a tool that inspects a hub's log sees messages as they were published, and finds them by their topics", async (t) => {
  const log = memoryLog()
  const hub = createHub({ log })
  t.after(() => hub.close())
  await hub.publishMany([
    { topic: "a", data: "plain" },
    { topic: "a", data: "private", private: true },
    { topic: "b", also: ["a"], data: "several" },
    { topic: "c", also: ["d"], data: "others" },
  ])
  const view = publishedLog(log)
  const { first } = await view.bounds()
  const read = async (topics?: readonly string[]): Promise<unknown[]> => {
    const { entries } = await view.read({ after: first, limit: 10, ...(topics && { topics }) })
    return entries.map(({ topic, also, private: isPrivate, data }) => ({ topic, also, isPrivate, data }))
  }
  const plain = { topic: "a", also: undefined, isPrivate: undefined, data: "plain" }
  const hidden = { ...plain, isPrivate: true, data: "private" }
  const several = { ...plain, topic: "b", also: ["a"], data: "several" }
  const others = { ...plain, topic: "c", also: ["d"], data: "others" }
  assert.deepEqual(await read(), [plain, hidden, several, others])
  assert.deepEqual(await read(["a"]), [plain, hidden, several])
  assert.deepEqual(await read(["d"]), [others])
  const start = await view.locate({ last: 1, topics: ["a"] })
  const [newest] = (await view.read({ after: start ?? "", limit: 1, topics: ["a"] })).entries
  assert.equal(newest?.data, "private", "of those on this topic alone, the last one")
})
