import assert from "node:assert/strict"
import { appendFileSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { logCases } from "onward/log/suite"
import { packageRoot, repositoryRoot } from "../house/imports.ts"
import { jsonLinesLog } from "./json-lines-log.ts"
import { dataOf } from "./nats-stage.ts"
import { temporaryFolder } from "./temporary-folder.ts"

test("docs/write-a-driver.md shows the driver that is tested here", () => {
  const page = readFileSync(join(repositoryRoot, "docs/write-a-driver.md"), "utf8")
  const driver = readFileSync(join(packageRoot, "test/log/json-lines-log.ts"), "utf8")
  assert.ok(page.includes(`\`\`\`ts\n${driver}\`\`\``), "copy test/log/json-lines-log.ts into the page")
})

test("the driver of the page passes the suite", async (t) => {
  const folder = temporaryFolder(t)
  let stores = 0
  const cases = logCases({
    create() {
      const path = join(folder, `${++stores}.jsonl`)
      return { open: (options) => jsonLinesLog(path, options) }
    },
    lacks: { sharing: "it is for one process", forget: "its file is only appended to" },
  })
  for (const { name, skip, run } of cases) if (skip === undefined) await t.test(name, run)
})

test("the driver of the page keeps its entries and its epoch when it is opened again, also after an incomplete write", async (t) => {
  const path = join(temporaryFolder(t), "events.jsonl")
  const log = await jsonLinesLog(path)
  await log.append(["1", "2"].map((data) => ({ topic: "a", data })))
  const before = await log.bounds()
  await log.close()
  appendFileSync(path, '{"time":1,"calls":[[{"topic":"a","da')
  const again = await jsonLinesLog(path)
  t.after(() => again.close())
  assert.deepEqual(await again.bounds(), before)
  await again.append([{ topic: "a", data: "3" }])
  assert.deepEqual(await dataOf(again), ["1", "2", "3"])
})
