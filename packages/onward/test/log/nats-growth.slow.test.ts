import assert from "node:assert/strict"
import { test } from "node:test"
import type { Log } from "../../src/log/index.ts"
import { natsMissing, startNats } from "../stores/nats.ts"
import { connectTo, entriesOf, openLog } from "./nats-stage.ts"

const skip = natsMissing ?? false

const everythingIn = async (log: Log, after: string): Promise<unknown> => ({
  bounds: await log.bounds(),
  entries: await entriesOf(log),
  lost: (await log.read({ after, limit: 1 })).lost,
})

test("the size of the stream is limited, and a process that starts later finds the same log", { skip }, async (t) => {
  const server = await startNats()
  t.after(() => server.close())
  const retention = { count: 100, topic: { count: 40 } }
  const log = await openLog(t, server.address, { retention })
  const watching = await openLog(t, server.address, { retention })
  const { first } = await log.bounds()
  await log.append([{ topic: "quiet", data: "kept", id: "quiet 1", idempotencyKey: "k" }])
  const connection = await connectTo(t, server.address)
  const bytes = async (): Promise<number> =>
    (await connection.request("$JS.API.STREAM.INFO.ONWARD")).json<{ state: { bytes: number } }>().state.bytes
  let largest = 0
  for (let i = 0; i < 90; i++) {
    const topics = Array.from({ length: 10 }, (_, j) => ({
      topic: `t${(i + j) % 2}`,
      data: "x".repeat(50_000),
      id: `${i}/${j}`,
    }))
    await log.append(topics)
    largest = Math.max(largest, await bytes())
  }
  assert.ok(largest < 30_000_000, `45 MB were stored, the stream held up to ${largest} bytes`)
  const late = await openLog(t, server.address, { retention })
  const expected = await everythingIn(log, first)
  assert.deepEqual(await everythingIn(watching, first), expected)
  assert.deepEqual(await everythingIn(late, first), expected)
  assert.equal(await late.locate({ id: "quiet 1" }), await log.locate({ id: "quiet 1" }))
  const { positions } = await late.append([{ topic: "quiet", data: "again", idempotencyKey: "k" }])
  assert.equal(positions[0], await log.locate({ id: "quiet 1" }), "what is kept is still known by its key")
})

test("an entry larger than a message of NATS is stored all or nothing", { skip }, async (t) => {
  const server = await startNats({ configuration: "max_payload: 64KB" })
  t.after(() => server.close())
  const log = await openLog(t, server.address)
  const large = "é".repeat(300_000)
  await Promise.all(
    ["1", "2", "3"].map((topic) =>
      log.append([
        { topic, data: large },
        { topic, data: "next" },
      ]),
    ),
  )
  const late = await openLog(t, server.address)
  assert.deepEqual(
    (await entriesOf(late)).map(({ topic, data }) => `${topic} ${data.length}`),
    ["1 300000", "1 4", "2 300000", "2 4", "3 300000", "3 4"],
  )
})
