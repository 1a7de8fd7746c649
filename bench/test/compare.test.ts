import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import { clients } from "../compare/clients.ts"
import { node, observe } from "../compare/observe.ts"
import { probes } from "../compare/probes.ts"
import { headingsOf, insert, MARK, SIZE, tableOf, VECTORS } from "../compare/table.ts"

test("docs/client.md compares the clients by the current questions", () => {
  const { rows, columns } = headingsOf(readFileSync(new URL("../../docs/client.md", import.meta.url), "utf8"))
  const advice = "npm run compare-clients -- --write"
  assert.deepEqual(rows, [VECTORS, ...probes.map(({ name }) => name), SIZE], advice)
  assert.deepEqual(
    columns,
    clients.map(({ name }) => name),
    advice,
  )
})

test("a table is written between the marks of a document, and its headings are found again", () => {
  const [probe, client] = [probes[0], clients[0]]
  assert.ok(probe && client)
  const table = tableOf([probe], [client], new Map([[probe.name, new Map([[client.name, "yes"]])]]))
  const document = insert(`before\n${MARK}\nold\n${MARK}\nafter`, table)
  assert.match(document, /^before\n[^]*\| yes \|[^]*\nafter$/)
  assert.doesNotMatch(document, /old/)
  assert.deepEqual(headingsOf(document), { rows: [VECTORS, probe.name, SIZE], columns: [client.name] })
})

test("the program that measures a client reports what it does", async () => {
  const client = clients.find(({ start }) => start === "stream")
  const probe = probes.find(({ name }) => name === "new headers for each attempt")
  assert.ok(client && probe)
  const seen = await observe(client, probe, node)
  assert.equal(probe.judge(seen), "yes")
  assert.deepEqual(seen.events[0], { event: "message", data: "a", lastEventId: "1" })
})
