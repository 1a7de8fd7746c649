import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { natsLog, type NatsConnection, type NatsMessage } from "../../src/log/nats/index.ts"
import { addChecksum } from "../../src/log/nats/checksum.ts"
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

test("a record that is damaged on its way to a process does no harm", { skip }, async (t) => {
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

test("an append that is damaged on its way to the store is not stored, and rejects", { skip }, async (t) => {
  const server = await startNats()
  t.after(() => server.close())
  const log = await openLog(t, server.address)
  // long enough for what is not damaged, on a busy machine
  const options = { retention: {}, timeout: 2_000 }
  const writer = natsLog(await damaged(t, server.address, { sent: onBatch(2) }), options)
  t.after(() => writer.close())
  await writer.append([{ topic: "a", data: "one!" }])
  await assert.rejects(writer.append([{ topic: "a", data: "two!", idempotencyKey: "2" }]), {
    code: "log_unavailable",
  })
  await writer.append([{ topic: "a", data: "two!", idempotencyKey: "2" }])
  for (const each of [log, writer, await openLog(t, server.address)])
    assert.deepEqual(await dataOf(each), ["one!", "two!"])
})

test(
  "messages that other programs publish on the subjects of a log are ignored, and no append fails",
  { skip },
  async (t) => {
    const server = await startNats()
    t.after(() => server.close())
    const log = await openLog(t, server.address, { timeout: 5_000 })
    const reader = await openLog(t, server.address)
    await log.append([{ topic: "a", data: "before" }])
    await reader.bounds()
    const stranger = await connectTo(t, server.address)
    const sealed = (value: unknown): Uint8Array =>
      addChecksum(new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value)))
    const batch = (more: object) => sealed({ writer: "w", number: 1, calls: [[["a", "forged"]]], ...more })
    const records: Readonly<Record<string, readonly Uint8Array[]>> = {
      batch: [
        ...["", "x", "{}", "12345678{}"].map((text) => new TextEncoder().encode(text)),
        ...[sealed("not JSON"), sealed(null), sealed([]), sealed({}), batch({ calls: 7 }), batch({ calls: [[["a"]]] })],
        ...[
          batch({ time: "soon" }),
          batch({ writer: 7 }),
          batch({ number: "1" }),
          batch({ calls: [[["a", "b", { id: 7 }]]] }),
        ],
      ],
      part: [sealed("{}"), sealed("\n"), new Uint8Array(9)],
      settings: [sealed({}), sealed({ epoch: "x", retention: { count: -1 } }), new Uint8Array(20)],
      epoch: [sealed({}), sealed({ epoch: "short" }), new Uint8Array(0)],
      tick: [sealed({ time: "never" }), new Uint8Array(1)],
      snapshot: [sealed({}), new Uint8Array(100)],
      chunk: [new Uint8Array(5)],
      other: [new Uint8Array(5)],
    }
    const kinds = Object.keys(records)
    const data = Array.from({ length: 60 }, (_, i) => String(i))
    for (const [i, text] of data.entries()) {
      // a burst before each append
      for (let n = 0; n < 40; n++) {
        const kind = kinds[(i + n) % kinds.length] as string
        const list = records[kind] ?? []
        stranger.publish(`ONWARD.${kind}`, list[(i * 7 + n) % list.length])
      }
      await stranger.flush()
      await log.append([{ topic: "a", data: text }])
    }
    for (const each of [log, reader, await openLog(t, server.address)])
      assert.deepEqual(await dataOf(each), ["before", ...data])
  },
)

for (const kind of ["batch", "snapshot", "tick"]) {
  const title = `20,000 messages of another program on the subject of a ${kind} hold up neither appends, readers nor a process that starts`
  test(title, { skip }, async (t) => {
    const server = await startNats()
    t.after(() => server.close())
    const options = { timeout: 60_000 }
    const log = await openLog(t, server.address, options)
    const reader = await openLog(t, server.address, options)
    await log.append([{ topic: "gone", data: "forgotten" }])
    await log.append([{ topic: "a", data: "before" }])
    // from now on the log needs a snapshot
    await log.forget?.({ topics: ["gone"], upTo: (await log.bounds()).last })
    assert.deepEqual(await dataOf(reader), ["before"])
    const stranger = await connectTo(t, server.address)
    const expected = ["before"]
    for (let burst = 0; burst < 2; burst++) {
      for (let i = 0; i < 10_000; i++) {
        stranger.publish(`ONWARD.${kind}`, new Uint8Array(i % 40))
        if (i % 1_000 === 0) await stranger.flush()
      }
      await stranger.flush()
      await log.append([{ topic: "a", data: `after ${burst}` }])
      expected.push(`after ${burst}`)
      for (const each of [log, reader, await openLog(t, server.address, options)])
        assert.deepEqual(await dataOf(each), expected)
    }
  })
}

test("a snapshot index that no log wrote neither empties a log nor prevents that it is opened", { skip }, async (t) => {
  const server = await startNats()
  t.after(() => server.close())
  const log = await openLog(t, server.address)
  await log.append([{ topic: "gone", data: "forgotten" }])
  await log.append([{ topic: "a", data: "kept" }])
  await log.forget?.({ topics: ["gone"], upTo: (await log.bounds()).last })
  const { first, last } = await log.bounds()
  const stranger = await connectTo(t, server.address)
  const indexes: readonly unknown[] = [
    ...[null, 7, [], {}, { at: 9 }, { at: 1e9, chunks: [] }, { at: 9, chunks: ["x"] }, { at: 9, chunks: [1e9] }],
    ...[
      { at: 9, chunks: [1] },
      { at: -1, chunks: [4] },
      { at: 2.5, chunks: [4] },
      { at: 1e300, chunks: [1e300] },
    ],
  ]
  for (const index of indexes) {
    stranger.publish("ONWARD.snapshot", addChecksum(new TextEncoder().encode(JSON.stringify(index))))
    await stranger.flush()
    const other = await openLog(t, server.address)
    assert.deepEqual(await other.bounds(), { first, last }, JSON.stringify(index))
    assert.deepEqual(await dataOf(other), ["kept"])
  }
  await log.append([{ topic: "a", data: "more" }])
  assert.deepEqual(await dataOf(log), ["kept", "more"])
})
