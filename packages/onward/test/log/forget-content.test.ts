import assert from "node:assert/strict"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { sqliteLog } from "../../src/log/sqlite/index.ts"
import { temporaryFolder } from "./temporary-folder.ts"

test("no file of an SQLite log holds the data of a forgotten topic, while the log is open", async (t) => {
  const folder = temporaryFolder(t)
  const log = sqliteLog(join(folder, "events.db"))
  t.after(() => log.close())
  const holds = (text: string): boolean =>
    readdirSync(folder).some((name) => readFileSync(join(folder, name)).includes(text))
  const secrets = Array.from({ length: 300 }, (_, i) => `secret ${i} ${"x".repeat(i * 20)}`)
  for (const [i, data] of secrets.entries()) {
    await log.append([
      { topic: "private", data, id: `id of ${data.slice(0, 12)}`, idempotencyKey: `key of ${data.slice(0, 12)}` },
      { topic: "public", data: `kept ${i}` },
    ])
  }
  assert.ok(holds("secret 7"))
  const { last } = await log.bounds()
  assert.equal(await log.forget?.({ topics: ["private"], upTo: last }), 300)
  assert.ok(!holds("secret"))
  assert.ok(holds("kept 7"))
})
