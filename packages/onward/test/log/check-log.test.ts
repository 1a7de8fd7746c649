import assert from "node:assert/strict"
import { test } from "node:test"
import { checkLog, memoryLog } from "../../src/log/index.ts"

test("a value that is not a log is refused with what to pass instead", () => {
  const { close: _, watch: __, ...partial } = memoryLog()
  for (const [log, advice] of [
    ["redis://a", /not "redis:\/\/a"\. Pass for instance postgresLog\(pool\) or redisLog\(client\)\.$/],
    ["a.db", /not "a\.db"\. Pass for instance sqliteLog\("a\.db"\)\.$/],
    [memoryLog, /not a function\. Call the function, and pass the log that it returns\.$/],
    [Promise.resolve(memoryLog()), /not a promise\. Await the promise, and pass the log that it resolves to\.$/],
    [partial, /Its methods watch, close are missing\.$/],
    [{}, /Pass for instance memoryLog\(\) or sqliteLog\(file\)\.$/],
    [null, /not null\. Pass for instance memoryLog\(\) or sqliteLog\(file\)\.$/],
    [undefined, /not undefined\. Pass for instance memoryLog\(\) or sqliteLog\(file\)\.$/],
    [7, /not 7\. Pass for instance memoryLog\(\) or sqliteLog\(file\)\.$/],
  ] as const) {
    assert.throws(() => checkLog("createHub", log), { name: "TypeError", message: advice })
  }
  assert.throws(() => checkLog("createHub", 7), /^TypeError: createHub: `log` must be a log/)
  checkLog("createHub", memoryLog())
})
