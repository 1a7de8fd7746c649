import assert from "node:assert/strict"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { test } from "node:test"
import { readEvents } from "./read-events.ts"
import { publish, testServer } from "./server.ts"

test("while another process locks the log, publishing is refused temporarily, and no acknowledged message is lost", async (t) => {
  const { url, data, errors } = await testServer(t)
  const ids = [await publish(url, { topic: "a", data: "before" })]
  const other = new DatabaseSync(join(data, "events.db"))
  t.after(() => other.close())
  other.exec("BEGIN IMMEDIATE")
  const response = await fetch(`${url}/publish`, {
    method: "POST",
    body: new URLSearchParams({ topic: "a", data: "no" }),
  })
  assert.equal(response.status, 503)
  assert.match(response.headers.get("retry-after") ?? "", /^\d+$/)
  assert.deepEqual(await response.json(), {
    error: { code: "log_locked", message: "The hub's log is unavailable. Retry later." },
  })
  assert.equal(errors.length, 1, "whoever runs it is told why")
  other.exec("ROLLBACK")
  ids.push(await publish(url, { topic: "a", data: "after" }))
  const events = await readEvents(`${url}/events?topic=a&last_event_id=earliest`, 2)
  assert.deepEqual(
    events.map(({ data, id }) => [data, id]),
    [
      ["before", ids[0]],
      ["after", ids[1]],
    ],
  )
})
