import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import { sqliteLog } from "onward/sqlite"
import { temporaryFolder } from "../temporary-folder.ts"
import { startReceiver } from "./receiver.ts"

const program = fileURLToPath(new URL("./program.ts", import.meta.url))

test("when the hub that delivers is killed, another delivers every event that was stored, in order", async (t) => {
  const folder = temporaryFolder(t)
  let total = 0
  // it fails for three events, once each
  const receiver = await startReceiver(t, (_, __, count) =>
    count === 1 && ++total % 60 === 0 && total < 200 ? 500 : 200,
  )
  const start = (name: string) => {
    const child = spawn(process.execPath, ["--conditions=onward-source", program, folder, receiver.url, name], {
      stdio: ["ignore", "pipe", "ignore"],
    })
    let isDelivering = false
    child.stdout.on("data", () => (isDelivering = true))
    const ended = once(child, "close")
    t.after(async () => {
      child.kill("SIGKILL")
      await ended
    })
    return { child, ended, isDelivering: () => isDelivering }
  }
  const until = async (what: string, holds: () => boolean): Promise<void> => {
    for (let i = 0; !holds(); i++) {
      if (i > 3_000) throw new Error(`${what} does not happen`)
      await new Promise((resolve) => void setTimeout(resolve, 10))
    }
  }
  // the first one begins the webhook: what happened before is not told
  const a = start("a")
  await until("a first delivery", a.isDelivering)
  const children = { a, b: start("b") }
  await until("a delivery", () => receiver.accepted().length > 50)
  const [killed, other] = children.a.isDelivering() ? [children.a, children.b] : [children.b, children.a]
  killed.child.kill("SIGKILL")
  await killed.ended
  await until("a takeover", other.isDelivering)
  const count = receiver.accepted().length
  await until("a delivery by the other", () => receiver.accepted().length > count + 50)

  const queue = sqliteLog(`${folder}/queue.db`)
  t.after(() => queue.close())
  const stored: { position: string; data: string }[] = []
  const { last } = await queue.bounds()
  for (let at = (await queue.bounds()).first; at < last;) {
    const page = await queue.read({ after: at, topics: ["events"], limit: 500 })
    stored.push(...page.entries.filter(({ position, data }) => position <= last && data.includes('"stream.')))
    at = page.next
  }
  const ids = new Set(stored.map(({ position }) => position))
  await until("the delivery of all", () => {
    const delivered = new Set(receiver.all.map(({ id }) => id))
    return [...ids].every((id) => delivered.has(id))
  })
  // by stream: opened, then closed, each accepted first in this order
  const order = new Map<string, string[]>()
  const seen = new Set<string>()
  for (const { id, event, text } of receiver.all) {
    const { stream } = JSON.parse(text) as { stream?: string }
    if (stream === undefined || seen.has(id)) continue
    seen.add(id)
    order.set(stream, [...(order.get(stream) ?? []), event])
  }
  assert.ok(order.size > 50)
  for (const [stream, events] of order) {
    assert.deepEqual(events, ["stream.opened", "stream.closed"].slice(0, events.length), stream)
  }
  // a repeat has the id and the content of the first
  const texts = new Map<string, string>()
  for (const { id, text } of receiver.all) assert.equal(texts.get(id) ?? texts.set(id, text).get(id), text)
})
