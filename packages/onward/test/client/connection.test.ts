// Over 400 lines because each rule of a connection is one test, and all of them use the same setting.
import assert from "node:assert/strict"
import { test } from "node:test"
import {
  createConnection,
  type ConnectionOptions,
  type ConnectionOwner,
  type Policy,
} from "../../src/client/connection.ts"
import type { Attempt } from "../../src/client/index.ts"
import { createClock } from "../../src/testing/index.ts"
import { createExchanges, type Exchange } from "./exchanges.ts"

interface Setting extends ConnectionOptions {
  readonly policy?: Partial<Policy>
  readonly owner?: Partial<ConnectionOwner>
  /** How much of its limit each random delay is. @default 0 */
  readonly random?: number
}

/** A connection whose delays double from 100 ms, without a network. */
function begin({ policy, owner, random = 0, ...options }: Setting = {}) {
  const clock = createClock()
  clock.random = () => random
  const { fetch, requests } = createExchanges(() => clock.monotonic())
  const attempts: Attempt[] = []
  const calls: string[] = []
  const delays: number[] = []
  const errors: string[] = []
  const connection = createConnection(
    "http://localhost/",
    { clock, fetch, ...options },
    { retry: { base: 100 }, reconnectionTime: 0, isFinite: false, canRepeat: () => true, ...policy },
    {
      onConnecting: (attempt) => void attempts.push(attempt),
      onOpen: (response) => void calls.push(`open ${response?.status}`),
      onEvent: ({ data }) => void calls.push(data),
      onReconnecting(error, delay) {
        errors.push(error.code)
        delays.push(delay)
      },
      ...owner,
    },
  )
  let ending: unknown
  connection.run().then(
    () => (ending = "end"),
    (error: unknown) => (ending = error),
  )
  const last = (): Exchange => requests.at(-1) as Exchange
  return {
    clock,
    connection,
    requests,
    attempts,
    calls,
    delays,
    errors,
    ending: () => ending,
    last,
    /** Answers the newest request with a stream. */
    async open(text = "", headers = {}) {
      await clock.settle()
      last().open(200, headers)
      if (text !== "") last().write(text)
      await clock.settle()
    },
    async refuse(status: number, headers = {}) {
      await clock.settle()
      last().open(status, headers)
      await clock.settle()
    },
    async fail() {
      await clock.settle()
      last().fail()
      await clock.settle()
    },
    async end() {
      last().end()
      await clock.settle()
    },
  }
}

test("a deadline passes at its millisecond, and is not checked afterwards", async () => {
  const head = begin({ connectTimeout: 5_500 })
  await head.clock.pass(5_499)
  assert.deepEqual(head.errors, [])
  await head.clock.pass(1)
  assert.deepEqual(head.errors, ["connect_timeout"])
  head.connection.close()
  await head.clock.settle()
  assert.equal(head.clock.timers, 0)

  for (const [option, code] of [
    ["idleTimeout", "idle_timeout"],
    ["eventTimeout", "event_timeout"],
  ] as const) {
    const { clock, open, last, requests, errors, connection, ending } = begin({
      connectTimeout: 5_000,
      [option]: 20_000,
    })
    await clock.pass(4_000)
    await open()
    await clock.pass(7_500)
    last().write("data: a\n\n")
    await clock.pass(19_999)
    assert.deepEqual(errors, [])
    await clock.pass(1)
    assert.deepEqual(errors, [code])
    assert.equal(requests[0]?.isCancelled, true)
    connection.close()
    await clock.settle()
    assert.deepEqual([clock.timers, ending()], [0, "end"])
  }
})

test("a checkpoint is no event, and does not extend the time for one", async () => {
  const { clock, open, last, errors, calls, connection } = begin({ eventTimeout: 20_000 })
  await open()
  await clock.pass(10_000)
  last().write("event: stream.checkpoint\nid: 7\ndata: {}\n\n")
  await clock.pass(9_999)
  assert.deepEqual([errors, calls, connection.lastEventId], [[], ["open 200"], "7"])
  await clock.pass(1)
  assert.deepEqual(errors, ["event_timeout"])
  connection.close()
})

test("after a possible sleep, the next heartbeat has two seconds more than its interval", async () => {
  for (const [jump, silence] of [
    [1_000, 30_000],
    [1_001, 17_000],
  ] as const) {
    const { clock, open, last, errors, connection } = begin()
    await open()
    assert.equal(clock.timers, 0, "without a deadline nothing is checked")
    last().write(": heartbeat 15000\n\n")
    await clock.settle()
    clock.setTime(clock.now() + jump)
    await clock.pass(silence - 1)
    assert.deepEqual(errors, [], `${jump} ms`)
    await clock.pass(1)
    assert.deepEqual(errors, ["idle_timeout"], `${jump} ms`)
    connection.close()
  }
})

test("a byte after a possible sleep proves that the connection works", async () => {
  const { clock, open, last, errors, connection } = begin()
  await open(": heartbeat 15000\n\n")
  clock.setTime(clock.now() + 100_000)
  await clock.pass(500)
  last().write(":\n")
  await clock.pass(29_999)
  assert.deepEqual(errors, [])
  connection.wake()
  await clock.pass(1)
  assert.deepEqual(errors, ["idle_timeout"])
  connection.close()
})

test("woken, a connection is replaced at once if it was silent for more than one and a half heartbeats", async () => {
  for (const [passed, jump, isReplaced] of [
    [22_500, 0, false],
    [22_501, 0, true],
    [1_000, 5_000, false],
    [1_000, 30_000, true],
  ] as const) {
    const { clock, open, requests, delays, errors, connection } = begin({ random: 1 })
    await open(": heartbeat 15000\n\n")
    await clock.pass(passed)
    clock.setTime(clock.now() + jump)
    connection.wake()
    await clock.pass(0)
    assert.equal(requests.length, isReplaced ? 2 : 1, `${passed} and ${jump} ms`)
    assert.deepEqual([delays, errors], isReplaced ? [[0], ["idle_timeout"]] : [[], []])
    connection.close()
  }
  const { clock, open, requests, errors, connection } = begin({ idleTimeout: 5_000 })
  await open()
  await clock.pass(4_000)
  connection.wake(true)
  await clock.pass(0)
  assert.deepEqual([requests.length, errors], [2, ["network_error"]])
  connection.close()
})

test("woken, a connection that is not read or cannot be repeated is kept", async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const paused = begin({ owner: { room: () => promise } })
  await paused.open(": heartbeat 1000\n\n")
  await paused.clock.pass(60_000)
  paused.connection.wake()
  await paused.clock.pass(0)
  assert.equal(paused.requests.length, 1)
  resolve()
  await paused.clock.pass(1_999)
  assert.deepEqual(paused.errors, [], "the silence begins when it is read again")
  await paused.clock.pass(1)
  assert.deepEqual(paused.errors, ["idle_timeout"])
  paused.connection.close()
  const once = begin({ policy: { canRepeat: () => false } })
  await once.open()
  once.connection.wake(true)
  await once.clock.pass(0)
  assert.equal(once.requests.length, 1)
  once.connection.close()
})

test("a stream that was open for more than ten seconds begins again with short delays", async () => {
  for (const [openFor, next] of [
    [10_000, 200],
    [10_001, 100],
  ] as const) {
    const { clock, open, end, fail, delays, connection } = begin({ random: 1 })
    await fail()
    await clock.pass(100)
    await open()
    await clock.pass(openFor)
    await end()
    assert.deepEqual(delays, [100, next])
    connection.close()
  }
})

test("so does one with an event, if the next request is not sooner than a second", async () => {
  for (const [openFor, event, next] of [
    [599, "data: a\n\n", 600],
    [600, "data: a\n\n", 500],
    [600, "event: stream.checkpoint\ndata: {}\n\n", 600],
  ] as const) {
    const { clock, open, end, fail, delays, connection } = begin({ random: 1 })
    await fail()
    await clock.pass(100)
    await open(`retry: 400\n\n${event}`)
    await clock.pass(openFor)
    await end()
    assert.deepEqual(delays, [100, next], `${openFor} ms and ${event}`)
    connection.close()
  }
})

test("an event or a wake of an earlier connection does not count for the next", async () => {
  const { clock, open, end, delays, connection } = begin({ random: 1 })
  await open("retry: 400\n\ndata: a\n\n")
  await clock.pass(600)
  await end()
  await clock.pass(500)
  await open()
  await clock.pass(600)
  await end()
  assert.deepEqual(delays, [500, 600])
  await clock.pass(600)
  await open()
  connection.wake(true)
  await clock.pass(0)
  await open()
  await end()
  assert.deepEqual(delays.slice(2), [0, 600])
  connection.close()
})

test("the standard policy reconnects without jitter first, then with growing jitter, and throws a refusal", async () => {
  const { clock, fail, refuse, delays, ending } = begin({
    random: 1,
    policy: { retry: false, reconnectionTime: 3_000 },
  })
  for (let i = 0; i < 4; i++) {
    await fail()
    await clock.pass(10_000)
  }
  assert.deepEqual(delays, [3_000, 3_100, 3_200, 3_400])
  await refuse(503)
  assert.equal((ending() as { status: number }).status, 503)
})

test("so many failures in a row are retried as the policy says", async () => {
  const { clock, open, fail, requests, attempts, ending } = begin({ policy: { retry: { attempts: 2, base: 0 } } })
  await open("id: 7\ndata: a\n\n")
  await clock.pass(11_000)
  for (let i = 0; i < 3; i++) {
    assert.equal(ending(), undefined)
    await fail()
    await clock.pass(0)
  }
  assert.equal(requests.length, 3)
  assert.equal((ending() as { code: string }).code, "network_error")
  assert.deepEqual(
    attempts.map(({ number, lastEventId, error }) => [number, lastEventId, error?.code]),
    [
      [0, "", undefined],
      [1, "7", "network_error"],
      [2, "7", "network_error"],
    ],
  )
})

test("a delay is the longest that the server asks for, up to the maximum, for the next request alone", async () => {
  const { clock, open, end, fail, refuse, delays, connection } = begin()
  await refuse(503, { "retry-after": "5" })
  await clock.pass(5_000)
  await fail()
  await clock.pass(0)
  await open("retry: 7000\n\n")
  await end()
  await clock.pass(7_000)
  await refuse(503, { "retry-after": "5" })
  await clock.pass(7_000)
  await refuse(429, { "retry-after": "99999" })
  assert.deepEqual(delays, [5_000, 0, 7_000, 7_000, 3_600_000])
  assert.equal(connection.reconnectionTime, 7_000)
  connection.close()
  const bounded = begin({ maxServerDelay: 2_000 })
  await bounded.refuse(503, { "retry-after": "5" })
  assert.deepEqual(bounded.delays, [2_000])
  bounded.connection.close()
})

test("after a 401, headers are asked for once more, and again after a stream that opened", async () => {
  let asked = 0
  const headers = (): Record<string, string> => ({ authorization: `${asked++}` })
  const { clock, open, end, refuse, requests, delays, ending } = begin({ random: 1, headers })
  await refuse(401)
  await clock.pass(0)
  await open()
  await end()
  await clock.pass(100)
  await refuse(401)
  await clock.pass(0)
  await refuse(401)
  assert.deepEqual([requests.length, asked, delays], [4, 4, [0, 100, 0]])
  assert.equal((ending() as { status: number }).status, 401)
  for (const [status, given] of [
    [401, {}],
    [403, headers],
  ] as const) {
    const other = begin({ headers: given })
    await other.refuse(status)
    assert.equal((other.ending() as { status: number }).status, status)
  }
})

const PROXY = { "proxy-status": "proxy; error=incremental_refused" }

test("when a proxy refuses to stream, a GET polls at once, and fails if that is refused too", async () => {
  const { clock, refuse, open, end, requests, delays, connection } = begin({ random: 1 })
  await refuse(502, PROXY)
  await clock.pass(0)
  await open()
  await end()
  await clock.pass(100)
  await refuse(502, PROXY)
  assert.deepEqual(
    requests.map(({ url, init }) => [url, init.headers["incremental"]]),
    [
      ["http://localhost/", "?1"],
      ["http://localhost/?transport=poll", undefined],
      ["http://localhost/?transport=poll", undefined],
    ],
  )
  assert.deepEqual(delays, [0, 100, 200])
  connection.close()
  for (const [options, headers] of [
    [{ method: "POST" }, PROXY],
    [{}, { "proxy-status": "proxy; error=dns_error" }],
    [{}, {}],
  ] as const) {
    const other = begin({ random: 1, ...options })
    await other.refuse(502, headers)
    assert.deepEqual(other.delays, [100])
    await other.clock.pass(100)
    assert.doesNotMatch(other.last().url, /poll/)
    other.connection.close()
  }
})

test("closed in any callback, it calls no other and sends nothing more", async () => {
  for (const at of ["onOpen", "onEvent", "onCheckpoint", "onReconnecting"] as const) {
    const after: string[] = []
    let isClosed = false
    const told = (name: string) => (): void => {
      if (isClosed) after.push(name)
      if (name !== at) return
      isClosed = true
      connection.close()
    }
    const names = ["onConnecting", "onOpen", "onEvent", "onCheckpoint", "onReconnecting", "room"] as const
    const owner = Object.fromEntries(names.map((name) => [name, told(name)]))
    const { connection, clock, requests, ending } = begin({ owner })
    await clock.settle()
    requests[0]?.open()
    requests[0]?.write("event: stream.checkpoint\ndata: {}\n\ndata: a\n\ndata: b\n\n")
    await clock.settle()
    requests[0]?.fail()
    await clock.pass(60_000)
    assert.deepEqual(
      after.filter((name) => name !== "room"),
      [],
      at,
    )
    assert.equal(ending(), "end", at)
    assert.deepEqual([requests.length, clock.timers], [1, 0])
  }
})

test("closed before its response arrives, it reads nothing of it", async () => {
  const { clock, connection, requests, ending, calls } = begin()
  await clock.settle()
  connection.close()
  await clock.settle()
  assert.equal(ending(), "end")
  requests[0]?.open()
  await clock.settle()
  assert.deepEqual([requests[0]?.isCancelled, requests[0]?.init.signal?.aborted, calls], [true, true, []])
})

test("closed while its headers are made, it sends no request", async () => {
  const made = Promise.withResolvers<Record<string, string>>()
  const { clock, connection, requests } = begin({ headers: () => made.promise })
  await clock.settle()
  connection.close()
  made.resolve({})
  await clock.settle()
  assert.equal(requests.length, 0)
})

test("half an event before a cut, or before a reset, is not joined to what follows", async () => {
  const { clock, open, fail, last, calls, connection } = begin()
  await open("data: a\n\ndata: half\n")
  await fail()
  await clock.pass(0)
  await open("data: b\n\ndata: half\n")
  connection.reset()
  last().write("data: c\n\n")
  await clock.settle()
  assert.deepEqual(calls, ["open 200", "a", "open 200", "b", "c"])
  connection.close()
})

test("an id that no header can carry is sent in the query, up to 4,096 characters", async () => {
  for (const [length, sent] of [
    [4_096, "last_event_id="],
    [4_097, ""],
  ] as const) {
    const { clock, open, end, requests, connection } = begin()
    await open(`id: a\u0001${"x".repeat(length - 2)}\ndata: 1\n\n`)
    await end()
    await clock.pass(0)
    assert.equal(requests[1]?.url.includes("last_event_id="), sent !== "")
    assert.equal(requests[1]?.init.headers["last-event-id"], undefined)
    connection.close()
  }
})

test("a stream that may not be repeated ends with its response, and fails with its connection", async () => {
  for (const [policy, how, expected] of [
    [{ canRepeat: () => false }, "end", "end"],
    [{ canRepeat: () => false }, "fail", "not_repeatable"],
    [{ isFinite: true }, "end", "end"],
    [{ isFinite: true }, "fail", undefined],
  ] as const) {
    const rig = begin({ policy })
    await rig.open()
    await rig[how]()
    const ending = rig.ending()
    assert.equal(typeof ending === "object" ? (ending as { code: string }).code : ending, expected)
    rig.connection.close()
  }
})

test("what the owner throws ends it, and is thrown as it is", async () => {
  const thrown = new Error("the owner's")
  const onEvent = (): never => {
    throw thrown
  }
  const { clock, open, ending, last } = begin({ owner: { onEvent } })
  await open("data: a\n\n")
  assert.equal(ending(), thrown)
  assert.equal(clock.timers, 0)
  assert.equal(last().isCancelled, true)
})
