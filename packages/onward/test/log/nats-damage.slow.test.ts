import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { natsLog, type NatsConnection, type NatsMessage } from "../../src/log/nats/index.ts"
import { natsMissing, startNats } from "../stores/nats.ts"
import { connectTo, dataOf, openLog } from "./nats-stage.ts"

const skip = natsMissing ?? false

type Damage = (subject: string, data: Uint8Array) => Uint8Array

/** A real connection on whose way bytes are changed, as by a broken switch: NATS has no sum that would notice. */
async function damaged(
  t: TestContext,
  address: string,
  { sent = (_, data) => data, delivered = (_, data) => data }: { sent?: Damage; delivered?: Damage },
): Promise<NatsConnection> {
  const connection = await connectTo(t, address)
  return {
    get info() {
      return connection.info
    },
    request: (subject, payload, options) =>
      connection.request(subject, payload instanceof Uint8Array ? sent(subject, payload) : payload, options),
    publish: (subject, payload) => connection.publish(subject, payload),
    subscribe: (subject, { callback }) =>
      connection.subscribe(subject, {
        callback(error, message) {
          const data = error ? message?.data : delivered(message.subject, message.data)
          callback(error, new Proxy(message, { get: (of, name) => (name === "data" ? data : valueOf(of, name)) }))
        },
      }),
    status: () => connection.status(),
    isClosed: () => connection.isClosed(),
  }
}

function valueOf(message: NatsMessage, name: string | symbol): unknown {
  const value: unknown = Reflect.get(message, name)
  return typeof value === "function" ? value.bind(message) : value
}

/** Changes a letter of the batch whose number among those that pass is `which`. */
function onBatch(which: number): Damage {
  let count = 0
  return (subject, data) => {
    if (!subject.endsWith(".batch") || ++count !== which) return data
    const changed = data.slice()
    const at = changed.lastIndexOf("!".charCodeAt(0))
    changed[at] = "?".charCodeAt(0)
    return changed
  }
}

test("a record that is damaged on its way to a process misleads it in nothing", { skip }, async (t) => {
  const server = await startNats()
  t.after(() => server.close())
  const log = await openLog(t, server.address)
  const reader = natsLog(await damaged(t, server.address, { delivered: onBatch(2) }), { retention: {} })
  t.after(() => reader.close())
  await reader.bounds()
  for (const data of ["one!", "two!", "three!"]) await log.append([{ topic: "a", data }])
  assert.deepEqual(await dataOf(reader), ["one!", "two!", "three!"])
  assert.deepEqual(await reader.bounds(), await log.bounds())
})

test(
  "an append that is damaged on its way to the store is stored by nobody, and its caller is told",
  { skip },
  async (t) => {
    const server = await startNats()
    t.after(() => server.close())
    const log = await openLog(t, server.address)
    // long enough for what is not damaged, on a busy machine
    const options = { retention: {}, timeout: 2_000 }
    const writer = natsLog(await damaged(t, server.address, { sent: onBatch(2) }), options)
    t.after(() => writer.close())
    await writer.append([{ topic: "a", data: "one!" }])
    await assert.rejects(writer.append([{ topic: "a", data: "two!", key: "2" }]), { code: "log_unavailable" })
    await writer.append([{ topic: "a", data: "two!", key: "2" }])
    for (const each of [log, writer, await openLog(t, server.address)])
      assert.deepEqual(await dataOf(each), ["one!", "two!"])
  },
)
