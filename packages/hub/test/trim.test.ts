import assert from "node:assert/strict"
import { test } from "node:test"
import { readUntil } from "./read-events.ts"
import { publish, testServer } from "./server.ts"

const trim = (adminUrl: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
  fetch(`${adminUrl}/admin/trim`, { method: "POST", headers, body: new URLSearchParams(fields) })

test("an operator removes a topic, or what lies before an entry or a time", async (t) => {
  const { url, adminUrl } = await testServer(t, { log: "memory:", admin: { port: 0 } })
  const header = { "onward-admin": "1" }
  const ids: string[] = []
  for (const [topic, data] of [
    ["a", "1"],
    ["b", "2"],
    ["a", "3"],
    ["b", "4"],
    ["a", "5"],
  ] as const) {
    ids.push(await publish(url, { topic, data }))
  }
  const removed = async (fields: Record<string, string>): Promise<unknown> => {
    const response = await trim(adminUrl, fields, header)
    return [response.status, await response.json()]
  }
  assert.deepEqual(await removed({ topic: "a", upTo: ids[1] as string }), [200, { removed: 1 }])
  assert.deepEqual(await removed({ topic: "b" }), [200, { removed: 2 }])
  assert.deepEqual(await removed({ before: new Date(0).toISOString() }), [200, { removed: 0 }])
  const events = await readUntil(`${url}/events?topic=a&topic=b&last_event_id=earliest`, ({ data }) => data === "5")
  assert.deepEqual(
    events.map(({ data }) => data),
    ["3", "5"],
  )
  assert.deepEqual(await removed({ upTo: ids[4] as string }), [200, { removed: 2 }])
})

test("a request to remove entries that is not allowed, or makes no sense, removes nothing", async (t) => {
  const open = await testServer(t, { log: "memory:", admin: { port: 0 } })
  const id = await publish(open.url, { topic: "a", data: "1" })
  const header = { "onward-admin": "1" }
  for (const [fields, headers, status, code] of [
    [{ topic: "a" }, {}, 403, "missing_header"],
    [{}, header, 400, "invalid_request"],
    [{ topic: "a", upTo: id, before: "2026-01-01" }, header, 400, "invalid_request"],
    [{ topic: "a", before: "yesterday" }, header, 400, "invalid_request"],
    [{ topic: "a", until: id }, header, 400, "invalid_request"],
    [{ topic: "a*" }, header, 400, "invalid_selector"],
    [{ topic: "stream.presence" }, header, 400, "invalid_selector"],
    [{ topic: "a", upTo: "unknown" }, header, 400, "invalid_start"],
  ] as const) {
    const response = await trim(open.adminUrl, fields, headers)
    const { error } = (await response.json()) as { error: { code: string } }
    assert.deepEqual([response.status, error.code], [status, code])
  }
  assert.equal((await fetch(`${open.adminUrl}/admin/trim`)).status, 405)
  assert.equal((await trim(open.url, { topic: "a" }, header)).status, 404)
  const [event] = await readUntil(`${open.url}/events?topic=a&last_event_id=earliest`, () => true)
  assert.equal(event?.data, "1")

  const key = (name: string, more: object) => ({ name, key: `ok_${name.padEnd(43, "x")}`, ...more })
  const keys = [key("app", { publish: ["*"] }), key("root", { admin: true })]
  const closed = await testServer(t, { log: "memory:", admin: { port: 0 }, auth: { keys } })
  const by = (name: string) => ({ authorization: `Bearer ok_${name.padEnd(43, "x")}`, ...header })
  assert.equal((await trim(closed.adminUrl, { topic: "a" }, header)).status, 401)
  assert.equal((await trim(closed.adminUrl, { topic: "a" }, by("app"))).status, 401)
  assert.equal((await trim(closed.adminUrl, { topic: "a" }, by("root"))).status, 200)
})
