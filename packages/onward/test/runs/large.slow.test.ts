import assert from "node:assert/strict"
import { join } from "node:path"
import { test } from "node:test"
import { sqliteLog } from "../../src/log/sqlite/index.ts"
import { openaiResponses, type Format } from "../../src/runs/index.ts"
import { temporaryFolder } from "../log/temporary-folder.ts"
import { ask, block, jsonOf } from "./provider.ts"

test("an image of 25 MB passes, to a file too, and the error of a limit names it", async (t) => {
  const image = "A".repeat(Math.ceil(26_214_400 / 3) * 4)
  const done = { type: "image_generation_call", id: "ig_1", status: "completed", result: image }
  const events = [
    { type: "response.created", response: { id: "r", status: "in_progress", output: [] } },
    { type: "response.output_item.done", output_index: 0, item: done },
    { type: "response.completed", response: { id: "r", status: "completed", output: [] } },
  ]
  const body = events.map((event, sequence_number) => block({ ...event, sequence_number }, event.type)).join("")
  const log = sqliteLog(join(temporaryFolder(t), "runs.db"))
  const { status, view, errors } = await ask(t, openaiResponses() as Format, body, { log })
  assert.deepEqual(errors, [])
  assert.equal(status, "completed")
  const blocks = await view()
  assert.deepEqual(
    blocks.map(({ data }) => data.length > image.length),
    [false, true, false],
  )
  for (const [limit, named] of [
    [{ maxChars: 10_000_000 }, "maxChars"],
    [{ maxFrames: 1 }, "maxFrames"],
  ] as const) {
    const refused = await ask(t, openaiResponses() as Format, body, limit)
    assert.deepEqual([refused.status, refused.code], ["failed", "message_too_large"])
    assert.match(JSON.stringify(jsonOf(await refused.view()).at(-1)), new RegExp(named))
  }
})
