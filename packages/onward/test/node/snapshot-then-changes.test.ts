import assert from "node:assert/strict"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { test } from "node:test"
import { createHub } from "../../src/hub/index.ts"
import { sse } from "../../src/node/index.ts"
import { parse } from "../../src/protocol/index.ts"

interface Card {
  readonly id: number
  readonly version: number
}

test("docs/recipes/snapshot-then-changes.md: nothing that is published during a snapshot is lost", async (t) => {
  const hub = createHub()
  /** The table of the recipe. A change is committed, and published some turns later. */
  const table = new Map<number, number>()
  const isOver = { value: false }
  const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))
  async function write(seed: number): Promise<void> {
    for (let i = 0; !isOver.value && i < 400; i++) {
      const id = (seed * 7 + i * 13) % 20
      const version = (table.get(id) ?? 0) + 1
      table.set(id, version)
      await turn()
      await hub.publish({ topic: "board", data: { id, version } })
      await turn()
    }
  }
  const server = createServer((req, res) => {
    if (req.url === "/board") return void snapshot().then((board) => res.end(JSON.stringify(board)))
    sse(req, res, hub.subscribe({ topics: ["board"] }))
  })
  /** A query that takes a while: rows are read one after the other, in one state of the table. */
  async function snapshot(): Promise<{ position: string; cards: Card[] }> {
    const position = await hub.position()
    for (let i = 0; i < 5; i++) await turn()
    const cards = [...table].map(([id, version]) => ({ id, version }))
    for (let i = 0; i < 5; i++) await turn()
    return { position, cards }
  }
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve))
  t.after(async () => {
    isOver.value = true
    await hub.close()
    server.close()
    server.closeAllConnections()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const writing = Promise.all([1, 2, 3].map(write))

  const clients = Array.from({ length: 10 }, async (_, i) => {
    for (let j = 0; j < i * 20; j++) await turn()
    const { position, cards } = (await (await fetch(`${url}/board`)).json()) as { position: string; cards: Card[] }
    const board = new Map(cards.map(({ id, version }) => [id, version]))
    const leaving = new AbortController()
    const response = await fetch(`${url}/board/events?last_event_id=${position}`, { signal: leaving.signal })
    for await (const { event, data } of parse(response.body as ReadableStream<Uint8Array>)) {
      assert.notEqual(event, "stream.gap")
      if (event === "stream.checkpoint") continue
      if (data === "over") break
      const { id, version } = JSON.parse(data) as Card
      const has = board.get(id) ?? 0
      // writers publish in any order, so a version can come late, and none is missing at the end
      if (version > has) board.set(id, version)
    }
    leaving.abort()
    return board
  })
  await writing
  await hub.publish({ topic: "board", data: "over" })
  for (const board of await Promise.all(clients)) {
    assert.deepEqual(Object.fromEntries(board), Object.fromEntries(table))
  }
})

test("a client asks for the latest with latest=1, and its Last-Event-ID counts more", async (t) => {
  const hub = createHub()
  const server = createServer((req, res) => sse(req, res, hub.subscribe({ topics: ["a", "b"] })))
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve))
  t.after(async () => {
    await hub.close()
    server.close()
    server.closeAllConnections()
  })
  const ids = await hub.publishMany(
    ["1", "2"].flatMap((data) => ["a", "b"].map((topic) => ({ topic, data: topic + data }))),
  )
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const read = async (query: string, headers: Record<string, string> = {}): Promise<string[]> => {
    const leaving = new AbortController()
    const response = await fetch(url + query, { headers, signal: leaving.signal })
    if (response.status !== 200) return [String(response.status)]
    const got: string[] = []
    for await (const { event, data } of parse(response.body as ReadableStream<Uint8Array>)) {
      if (event !== "stream.checkpoint") got.push(data)
      if (data === "b2") break
    }
    leaving.abort()
    return got
  }
  assert.deepEqual(await read("?latest=1"), ["a2", "b2"])
  assert.deepEqual(await read("?latest"), ["a2", "b2"])
  assert.deepEqual(await read("?latest=1", { "last-event-id": ids[0] as string }), ["b1", "a2", "b2"])
  assert.deepEqual(await read("?latest=5"), ["400"])
})
