import assert from "node:assert/strict"
import { test } from "node:test"
import { systemClock } from "../../src/clock.ts"
import { natsLog, type NatsConnection } from "../../src/log/nats/index.ts"
import { natsMissing, startNats } from "../stores/nats.ts"
import { connectTo, dataOf, openLog } from "./nats-stage.ts"

const skip = natsMissing ?? false

test("a process that opens the log with another retention changes it for all processes", { skip }, async (t) => {
  const server = await startNats()
  t.after(() => server.close())
  const log = await openLog(t, server.address, { retention: { count: 5 } })
  const numbers = ["1", "2", "3", "4", "5"]
  await log.append(numbers.map((data) => ({ topic: "a", data })))
  const strict = await openLog(t, server.address, { retention: { count: 2 } })
  for (const each of [strict, log]) assert.deepEqual(await dataOf(each), ["4", "5"])
  await log.append([{ topic: "a", data: "6" }])
  for (const each of [strict, log]) assert.deepEqual(await dataOf(each), ["5", "6"])
})

test("entries that are too old are removed for all processes, also without an append", { skip }, async (t) => {
  const server = await startNats()
  t.after(() => server.close())
  const retention = { age: 5_000 }
  let now = Date.now()
  const log = await openLog(t, server.address, { retention, clock: { ...systemClock, now: () => now } })
  const other = await openLog(t, server.address, { retention })
  await log.append([{ topic: "a", data: "old" }])
  assert.deepEqual(await dataOf(other), ["old"])
  now += 5_001
  const deadline = Date.now() + 20_000
  while ((await dataOf(other)).length > 0) {
    assert.ok(Date.now() < deadline, "within seconds")
    await new Promise((resolve) => void setTimeout(resolve, 50))
  }
})

test("a thousand concurrent reads are one or two requests to the store", { skip }, async (t) => {
  const server = await startNats()
  t.after(() => server.close())
  const connection = await connectTo(t, server.address)
  let questions = 0
  const counted: NatsConnection = {
    ...{ info: connection.info, status: () => connection.status(), isClosed: () => connection.isClosed() },
    publish: (subject, payload) => connection.publish(subject, payload),
    subscribe: (subject, options) => connection.subscribe(subject, options),
    request(subject, payload, options) {
      questions += 1
      return connection.request(subject, payload, options)
    },
  }
  const log = natsLog(counted)
  t.after(() => log.close())
  const { previous } = await log.append(Array.from({ length: 100 }, (_, i) => ({ topic: "a", data: `${i}` })))
  questions = 0
  const pages = await Promise.all(Array.from({ length: 1000 }, () => log.read({ after: previous, limit: 200 })))
  assert.ok(pages.every(({ entries }) => entries.length === 100))
  assert.ok(questions <= 2, `${questions} questions`)
})
