import assert from "node:assert/strict"
import { createHmac } from "node:crypto"
import { test, type TestContext } from "node:test"
import { createHub, memoryLog, type Hub, type Log, type Sink } from "onward"
import { createClock, type TestClock } from "onward/testing"
import { createWebhooks, resolveWebhooks, type Webhooks, type WebhookOptions } from "../../src/webhooks/index.ts"
import { startReceiver } from "./receiver.ts"

const SECRET = "a secret of more than thirty-two bytes"
const EVENTS = ["topic.occupied", "topic.vacated", "user.joined", "user.left"] as const

interface Node {
  readonly hub: Hub
  readonly webhooks: Webhooks
  /** Opens a stream; the result ends it. */
  open(topic: string, userId?: string): () => void
  close(): Promise<void>
}

interface Stage {
  readonly clock: TestClock
  readonly errors: string[]
  node(hooks: readonly Partial<WebhookOptions>[], queue?: Log): Promise<Node>
  /** Lets time pass until `holds`. */
  until(holds: () => boolean): Promise<void>
}

/** Hubs that share a log and a queue, in a time that tests control; receivers are real. */
function stage(t: TestContext): Stage {
  const clock = createClock()
  const logs = { hub: memoryLog({ clock }), queue: memoryLog({ clock }) }
  const errors: string[] = []
  const shared = (log: Log): Log => ({ ...log, close: async () => {} })
  const report = (error: unknown): void => void errors.push(String(error))
  return {
    clock,
    errors,
    async node(given, queue = logs.queue) {
      const hooks = resolveWebhooks(
        given.map((hook) => ({
          ...{ url: "http://127.0.0.1:9", events: EVENTS, secret: SECRET, privateNetworks: ["127.0.0.1"] },
          ...hook,
        })),
      )
      const webhooks = await createWebhooks({ hooks, openQueue: async () => shared(queue), report, timing: clock })
      const hub = createHub({
        ...{ clock, log: shared(logs.hub), presence: true, onError: report },
        observe: (observation) => webhooks.observe(observation),
      })
      webhooks.watch(hub.presence)
      let closing: Promise<void> | undefined
      const close = (): Promise<void> => (closing ??= hub.close().then(() => webhooks.close()))
      t.after(close)
      return {
        ...{ hub, webhooks, close },
        open(topic, userId) {
          const sink: Sink = { owner: undefined, write: () => true, writeText: () => true, close: () => {} }
          hub
            .subscribe({ topics: [topic], ...(userId !== undefined && { userId }) })
            .open()
            .start(sink)
          return () => sink.owner?.onClose()
        },
      }
    },
    async until(holds) {
      for (let i = 0; i < 3_000; i++) {
        if (holds()) return
        await clock.pass(100)
        await new Promise((resolve) => void setTimeout(resolve, 1))
      }
      throw new Error(`it does not happen; errors: ${errors.join("; ")}`)
    },
  }
}

/** Lets a minute pass, for what should not happen. */
async function aWhile({ clock }: Stage): Promise<void> {
  for (let i = 0; i < 60; i++) {
    await clock.pass(1_000)
    await new Promise((resolve) => void setTimeout(resolve, 1))
  }
}

test("what happens on a topic is told once by all hubs together, signed, in order, and vacated late", async (t) => {
  const s = stage(t)
  const receiver = await startReceiver(t)
  const hook = { url: receiver.url, topics: ["room/*"] }
  const one = await s.node([hook])
  const two = await s.node([hook])
  const leave = [
    one.open("room/7", "ada"),
    two.open("room/7", "ada"),
    two.open("room/7", "bob"),
    one.open("news", "ada"),
  ]
  await s.until(() => receiver.all.length >= 3)
  await aWhile(s)
  assert.deepEqual(receiver.accepted(), ["topic.occupied room/7", "user.joined room/7 ada", "user.joined room/7 bob"])
  assert.equal([one, two].filter(({ webhooks }) => webhooks.isDelivering).length, 1)
  // a reload
  leave[2]?.()
  await s.clock.pass(150)
  leave[2] = one.open("room/7", "bob")
  await aWhile(s)
  assert.equal(receiver.all.length, 3)
  for (const each of leave) each()
  const leftAt = s.clock.now()
  await s.until(() => receiver.all.length >= 6)
  assert.ok(s.clock.now() - leftAt >= 3_000)
  assert.deepEqual(receiver.accepted().slice(3).sort(), [
    "topic.vacated room/7",
    "user.left room/7 ada",
    "user.left room/7 bob",
  ])
  assert.equal(receiver.accepted()[5], "topic.vacated room/7")
  await aWhile(s)
  assert.equal(receiver.all.length, 6)
  for (const { id, signature, text } of receiver.all) {
    const [, time = "", sum] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(signature) ?? []
    assert.equal(createHmac("sha256", SECRET).update(`${time}.${text}`).digest("hex"), sum)
    assert.ok(Math.abs(Number(time) * 1_000 - s.clock.now()) < 1_000_000)
    assert.equal((JSON.parse(text) as { id: string }).id, id)
  }
  assert.deepEqual(s.errors, [])
})

test("a delivery that fails is repeated with its id; its topic waits, others do not", async (t) => {
  const s = stage(t)
  const receiver = await startReceiver(t, ({ topic }, _, count) => (topic === "bad" && count < 5 ? 500 : 200))
  const node = await s.node([{ url: receiver.url }])
  const leaveBad = node.open("bad", "ada")
  node.open("good", "bob")
  await s.until(() => receiver.accepted().length >= 2)
  leaveBad()
  await s.until(() => receiver.accepted().length === 6)
  assert.deepEqual(receiver.accepted(), [
    "topic.occupied good",
    "user.joined good bob",
    "topic.occupied bad",
    "user.joined bad ada",
    "user.left bad ada",
    "topic.vacated bad",
  ])
  const first = receiver.all.filter(({ event, topic }) => event === "topic.occupied" && topic === "bad")
  assert.equal(first.length, 5)
  assert.equal(new Set(first.map(({ id }) => id)).size, 1)
  assert.match(s.errors[0] ?? "", /webhook at 127\.0\.0\.1:\d+ failed: it answered with status 500/)
})

test("a receiver that hangs, redirects, sends without end, switches protocols or is away gets its events when it recovers", async (t) => {
  const s = stage(t)
  const secrets = await startReceiver(t)
  let mode = 0
  const receiver = await startReceiver(t, (_, res, count) => {
    mode = Math.max(mode, count)
    if (count === 1) return undefined // hangs
    if (count === 2) return void res.writeHead(302, { location: secrets.url }).end()
    if (count === 3) return void res.writeHead(500).write("x".repeat(10_000_000))
    if (count === 4) return void res.destroy()
    if (count === 5) return void res.socket?.write("HTTP/1.1 101 A\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n")
    return 200
  })
  const node = await s.node([{ url: receiver.url, timeout: 60, events: ["topic.occupied"] }])
  node.open("room")
  await s.until(() => receiver.accepted().length === 1)
  assert.equal(receiver.all.length, 6)
  assert.equal(secrets.all.length, 0)
})

test("a private address is refused unless it is listed, by name too, and no error tells the secret or the path", async (t) => {
  const s = stage(t)
  const receiver = await startReceiver(t)
  const { port } = new URL(receiver.url)
  const events = ["topic.occupied"] as const
  const node = await s.node([
    { url: receiver.url, privateNetworks: ["10.0.0.0/8"], events },
    { url: `http://localhost:${port}/hidden?token=hidden`, privateNetworks: [], events },
    { url: `http://[::ffff:127.0.0.1]:${port}/`, privateNetworks: [], events },
  ])
  node.open("room")
  await s.until(() => s.errors.length >= 3)
  assert.equal(receiver.all.length, 0)
  for (const error of s.errors) {
    assert.match(error, /private address: list it in privateNetworks/)
    assert.doesNotMatch(error, /hidden|secret/)
  }
})

test("events that wait are delivered after a restart, and those that were delivered are not", async (t) => {
  const s = stage(t)
  let isAway = false
  const receiver = await startReceiver(t, () => (isAway ? 503 : 200))
  const one = await s.node([{ url: receiver.url }])
  one.open("room/1", "ada")
  await s.until(() => receiver.accepted().length === 2)
  isAway = true
  one.open("room/2", "bob")
  one.open("room/3")
  await s.until(() => receiver.all.length >= 4)
  await one.close()
  isAway = false
  const seen = receiver.all.length
  const two = await s.node([{ url: receiver.url }])
  for (const [topic, user] of [
    ["room/2", "bob"],
    ["room/3", undefined],
    ["room/1", "ada"],
  ] as const)
    two.open(topic, user)
  await s.until(() => receiver.accepted().length === 5)
  await aWhile(s)
  assert.deepEqual(receiver.accepted().slice(2).sort(), [
    "topic.occupied room/2",
    "topic.occupied room/3",
    "user.joined room/2 bob",
  ])
  assert.equal(receiver.all.length, seen + 3)
})

test("progress is recorded after each delivery, so that a killed hub repeats little", async (t) => {
  const s = stage(t)
  const receiver = await startReceiver(t)
  const queue = memoryLog({ clock: s.clock })
  const node = await s.node([{ url: receiver.url, events: ["topic.occupied"] }], queue)
  for (const topic of ["a", "b", "c"]) {
    node.open(topic)
    const count = receiver.all.length
    await s.until(() => receiver.all.length > count)
    await s.clock.pass(1_000)
  }
  const { entries } = await queue.read({ after: (await queue.bounds()).first, limit: 1_000 })
  const progress = entries.filter(({ topic }) => topic === "progress")
  const { upTo } = JSON.parse(progress.at(-1)?.data ?? "{}") as { readonly upTo: string }
  const delivered = entries.filter(({ topic }) => topic === "events").map(({ position }) => position)
  assert.equal(delivered.length, 3)
  assert.ok(upTo >= (delivered.at(-1) ?? ""), upTo)
})

test("users that a restarted hub does not see again have left", async (t) => {
  const s = stage(t)
  const receiver = await startReceiver(t)
  const one = await s.node([{ url: receiver.url }])
  one.open("room/1", "ada")
  one.open("room/1", "bob")
  await s.until(() => receiver.accepted().length === 3)
  await one.close()
  const two = await s.node([{ url: receiver.url }])
  two.open("room/1", "bob")
  await s.until(() => receiver.accepted().length === 4)
  await aWhile(s)
  assert.deepEqual(receiver.accepted().slice(3), ["user.left room/1 ada"])
})

test("another hub goes on when the one that delivers loses the log", async (t) => {
  const s = stage(t)
  const receiver = await startReceiver(t)
  const queue = memoryLog({ clock: s.clock })
  let isCut = false
  const cut: Log = {
    ...queue,
    append: async (messages) => (isCut ? Promise.reject(new Error("cut")) : queue.append(messages)),
  }
  const one = await s.node([{ url: receiver.url }], cut)
  await s.until(() => one.webhooks.isDelivering)
  const two = await s.node([{ url: receiver.url }], queue)
  one.open("room/1", "ada")
  await s.until(() => receiver.accepted().length === 2)
  await aWhile(s)
  isCut = true
  two.open("room/2", "bob")
  await s.until(() => receiver.accepted().length === 4)
  assert.deepEqual([one.webhooks.isDelivering, two.webhooks.isDelivering], [false, true])
  isCut = false
  await aWhile(s)
  assert.deepEqual([one.webhooks.isDelivering, two.webhooks.isDelivering], [false, true])
  assert.equal(receiver.all.length, 4)
})

test("streams are told when they open and close, in this order", async (t) => {
  const s = stage(t)
  const receiver = await startReceiver(t)
  const node = await s.node([{ url: receiver.url, events: ["stream.opened", "stream.closed"], topics: ["room/:id"] }])
  const leave = node.open("room/1", "ada")
  node.open("news")
  await s.until(() => receiver.all.length === 1)
  leave()
  await s.until(() => receiver.all.length === 2)
  await aWhile(s)
  const [opened, closed] = receiver.all.map(({ text }) => JSON.parse(text) as Record<string, unknown>)
  assert.partialDeepStrictEqual(opened, { event: "stream.opened", topics: ["room/1"], userId: "ada" })
  assert.partialDeepStrictEqual(closed, {
    event: "stream.closed",
    stream: opened?.["stream"],
    reason: "client",
    userId: "ada",
  })
})

test("each webhook has its own events and topics, and a slow one does not hold up another", async (t) => {
  const s = stage(t)
  const slow = await startReceiver(t, () => undefined)
  const fast = await startReceiver(t)
  const node = await s.node([{ url: slow.url }, { url: fast.url, events: ["user.joined"], topics: ["a", "b/*"] }])
  for (const topic of ["a", "a/1", "b/1"]) node.open(topic, "ada")
  await s.until(() => fast.accepted().length === 2)
  assert.deepEqual(fast.accepted(), ["user.joined a ada", "user.joined b/1 ada"])
})

test("mistakes in webhooks are refused, without their secrets", () => {
  const good = { url: "https://example.com/hooks", events: ["topic.occupied"], secret: SECRET } as const
  for (const [hook, message] of [
    [{ ...good, url: "ftp://example.com" }, /webhooks\[0\]\.url is not an http or https URL/],
    [{ ...good, url: "https://ada:hidden@example.com" }, /holds a user or password/],
    [{ ...good, secret: "hidden" }, /\.secret has fewer than 32 bytes/],
    [{ ...good, secret: [SECRET, "hidden"] }, /\.secret has fewer than 32 bytes/],
    [{ ...good, events: [] }, /\.events is empty/],
    [{ ...good, topics: ["a**"] }, /\.topics: a pattern knows/],
    [{ ...good, privateNetworks: ["local"] }, /\.privateNetworks: "local" is not an IP address/],
  ] as const) {
    assert.throws(
      () => resolveWebhooks([hook]),
      (error: Error) => message.test(error.message) && !/hidden|secret of/.test(error.message),
    )
  }
  assert.throws(() => resolveWebhooks([good, good]), /webhooks\[1\] has the name or URL of another one/)
  assert.equal(resolveWebhooks([good, { ...good, name: "second" }]).length, 2)
})
