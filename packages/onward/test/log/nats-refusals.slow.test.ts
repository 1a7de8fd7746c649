import assert from "node:assert/strict"
import { test } from "node:test"
import type { Log } from "../../src/log/index.ts"
import { natsLog } from "../../src/log/nats/index.ts"
import { natsMissing, startNats } from "../stores/nats.ts"
import { connectTo, openLog } from "./nats-stage.ts"

const skip = natsMissing ?? false

const refusals = async (log: Log): Promise<void[]> =>
  Promise.all([log.append([{ topic: "a", data: "" }]), log.bounds(), log.watch(() => {})]).then(() => [])

test("invalid options are a TypeError", { skip }, async (t) => {
  const server = await startNats()
  t.after(() => server.close())
  const connection = await connectTo(t, server.address)
  for (const options of [
    { stream: "a.b" },
    { stream: "" },
    { replicas: 0 },
    { timeout: 0 },
    { retention: { count: -1 } },
  ]) {
    assert.throws(() => natsLog(connection, options), TypeError, JSON.stringify(options))
  }
  assert.throws(() => natsLog(undefined as never), TypeError)
})

test("a server without JetStream is told apart from one that is unavailable", { skip }, async (t) => {
  const server = await startNats({ jetstream: false })
  t.after(() => server.close())
  const log = await openLog(t, server.address)
  await assert.rejects(refusals(log), { code: "log_unsupported", message: /--js/ })
})

test("three replicas need a cluster", { skip }, async (t) => {
  const server = await startNats()
  t.after(() => server.close())
  const log = await openLog(t, server.address, { replicas: 3 })
  await assert.rejects(refusals(log), { code: "log_unsupported", message: /cluster/ })
})

test("a stream of another program is not changed", { skip }, async (t) => {
  const server = await startNats()
  t.after(() => server.close())
  const connection = await connectTo(t, server.address)
  await connection.request("$JS.API.STREAM.CREATE.ORDERS", JSON.stringify({ name: "ORDERS", subjects: ["orders.*"] }))
  await connection.request("$JS.API.STREAM.CREATE.X", JSON.stringify({ name: "X", subjects: ["MINE.*"] }))
  for (const stream of ["ORDERS", "MINE"]) {
    const log = await openLog(t, server.address, { stream })
    await assert.rejects(refusals(log), { code: "log_corrupt", message: /Choose another `stream`/ })
  }
  const { config, state } = (await connection.request("$JS.API.STREAM.INFO.ORDERS")).json<{
    config: { subjects: string[] }
    state: { messages: number }
  }>()
  assert.deepEqual([config.subjects, state.messages], [["orders.*"], 0])
})

test(
  "a user without permissions is told which are missing, and those of docs/nats.md are enough",
  { skip },
  async (t) => {
    const grants = [
      "ONWARD.*",
      "$JS.API.STREAM.*.ONWARD",
      "$JS.API.STREAM.MSG.GET.ONWARD",
      "$JS.API.CONSUMER.CREATE.ONWARD",
      "$JS.API.CONSUMER.DELETE.ONWARD.>",
      "$JS.FC.>",
    ]
    const permissions = (publish: readonly string[], subscribe: readonly string[]): string =>
      `permissions: { publish: ${JSON.stringify(publish)}, subscribe: ${JSON.stringify(subscribe)} }`
    const server = await startNats({
      configuration: `authorization { users: [
      { user: full, password: p, ${permissions(grants, ["_INBOX.>"])} }
      { user: none, password: p, ${permissions(["other"], ["_INBOX.>"])} }
      { user: reader, password: p, ${permissions(grants.slice(1), ["_INBOX.>"])} }
    ] }`,
    })
    t.after(() => server.close())
    const logOf = async (user: string): Promise<Log> => {
      const log = natsLog(await connectTo(t, server.address, { user, pass: "p" }), { retention: {}, timeout: 2000 })
      t.after(() => log.close())
      return log
    }
    const log = await logOf("full")
    await log.append([{ topic: "a", data: "1" }])
    await assert.rejects((await logOf("none")).bounds(), {
      code: "log_denied",
      message: /publish \$JS\.API\.STREAM\.INFO\.ONWARD/,
    })
    const reader = await logOf("reader")
    assert.equal((await reader.read({ after: (await reader.bounds()).first, limit: 9 })).entries.length, 1)
    await assert.rejects(reader.append([{ topic: "a", data: "2" }]), { code: "log_denied", message: /ONWARD\.batch/ })
  },
)

test("a full stream is reported as such, and its entries can be read", { skip }, async (t) => {
  const server = await startNats()
  t.after(() => server.close())
  const log = await openLog(t, server.address)
  await log.append([{ topic: "a", data: "1" }])
  const connection = await connectTo(t, server.address)
  const { config } = (await connection.request("$JS.API.STREAM.INFO.ONWARD")).json<{ config: object }>()
  await connection.request("$JS.API.STREAM.UPDATE.ONWARD", JSON.stringify({ ...config, max_bytes: 2000 }))
  await assert.rejects(log.append([{ topic: "a", data: "x".repeat(3000) }]), { code: "log_full", retryable: true })
  assert.equal((await log.read({ after: (await log.bounds()).first, limit: 9 })).entries.length, 1)
})

test("a closed connection is reported as such", { skip }, async (t) => {
  const server = await startNats()
  t.after(() => server.close())
  const connection = await connectTo(t, server.address)
  const log = natsLog(connection)
  await log.append([{ topic: "a", data: "1" }])
  await connection.close()
  await assert.rejects(log.bounds(), { code: "log_unavailable", message: /connection is closed/ })
  await log.close()
})

test("messages that other programs publish to the stream's subjects are ignored", { skip }, async (t) => {
  const server = await startNats()
  t.after(() => server.close())
  const log = await openLog(t, server.address)
  await log.append([{ topic: "a", data: "1" }])
  const connection = await connectTo(t, server.address)
  for (const kind of ["batch", "part", "settings", "epoch", "tick", "snapshot", "chunk", "other"]) {
    for (const payload of ["", "null", "{}", "[1]", "hello", '{"calls":[[[1]]],"writer":"w","number":1}']) {
      await connection.request(`ONWARD.${kind}`, payload)
    }
  }
  await log.append([{ topic: "a", data: "2" }])
  const other = await openLog(t, server.address)
  for (const each of [log, other]) {
    const { entries } = await each.read({ after: (await each.bounds()).first, limit: 9 })
    assert.deepEqual(
      entries.map(({ data }) => data),
      ["1", "2"],
    )
  }
})
