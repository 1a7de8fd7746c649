import assert from "node:assert/strict"
import { test } from "node:test"
import { sse } from "../../src/node/index.ts"
import { memoryLog } from "../../src/log/index.ts"
import { createRuns } from "../../src/runs/index.ts"
import { connect, createClock } from "../../src/testing/index.ts"
import { lines } from "./lines.ts"
import { itemsOf, textOf } from "./text-of.ts"

/** Words that come when they are let. */
function words() {
  const waiting: string[] = []
  let wake = (): void => {}
  let isOver = false
  return {
    say(...more: string[]) {
      waiting.push(...more)
      wake()
    },
    end() {
      isOver = true
      wake()
    },
    async *source() {
      for (;;) {
        const word = waiting.shift()
        if (word !== undefined) yield word
        else if (isOver) return
        else await new Promise<void>((resolve) => (wake = resolve))
      }
    },
  }
}

const told = (events: readonly { data: string }[]): string[] => events.map(({ data }) => JSON.parse(data) as string)

test("the first word arrives at once, and the others within 20 ms, together", async () => {
  const clock = createClock()
  await using runs = createRuns({ format: lines, clock })
  const { say, source } = words()
  await runs.start("a", source)
  const reader = await connect((req, res) => sse(req, res, runs.source("a")))
  say("Once ")
  await clock.settle()
  assert.deepEqual(told(reader.events), ["Once "])
  say("upon ", "a ")
  await clock.settle()
  assert.deepEqual(told(reader.events), ["Once "])
  await clock.pass(20)
  assert.deepEqual(told(reader.events), ["Once ", "upon a "])
})

test("a viewer can disconnect and reconnect at any frame, and receives each once", async () => {
  const clock = createClock()
  await using runs = createRuns({ format: { ...lines, merge: () => undefined }, clock })
  const { say, end, source } = words()
  await runs.start("a", source)
  const all = ["Once ", "upon ", "a ", "time ", "there ", "was"]
  // several frames of one record, too
  for (const word of all) say(word)
  end()
  await clock.pass(100)
  const items = await itemsOf(runs.attach("a"))
  assert.deepEqual(
    items.flatMap(({ frame }) => frame ?? []),
    [...all, "[completed]"],
  )
  for (const [i, { id }] of items.entries()) {
    const rest = await itemsOf(runs.attach("a", { lastEventId: id as string }))
    assert.deepEqual(
      rest.map(({ frame }) => frame),
      // that it is over is said to everybody
      (i + 1 < items.length ? items.slice(i + 1) : items.slice(-1)).map(({ frame }) => frame),
      `after frame ${i}`,
    )
  }
  await assert.rejects(textOf(runs.attach("a", { lastEventId: "nonsense" })), { code: "invalid_start" })
})

test("a slow viewer receives pending frames as one, and nothing is lost", async () => {
  await using runs = createRuns({ format: lines, flush: { interval: 1 } })
  const { say, end, source } = words()
  await runs.start("a", source)
  const reader = await connect((req, res) => sse(req, res, runs.source("a")))
  reader.stall()
  const word = "word ".repeat(200)
  for (let n = 0; n < 400; n++) {
    say(`${word}${n} `)
    await new Promise((resolve) => setImmediate(resolve))
  }
  end()
  assert.equal((await (await runs.start("a", source)).ended()).status, "completed")
  reader.flow()
  await reader.closed()
  const frames = told(reader.events)
  assert.equal(frames.at(-1), "[completed]")
  assert.equal(frames.slice(0, -1).join(""), Array.from({ length: 400 }, (_, n) => `${word}${n} `).join(""))
  const exact = await itemsOf(runs.attach("a", { merge: false }))
  assert.ok(frames.length < exact.length / 2, `${frames.length} frames instead of ${exact.length}`)
})

test("a client that disconnects ends nothing, and receives the rest when it reconnects", async () => {
  await using runs = createRuns({ format: lines })
  const { say, end, source } = words()
  await runs.start("a", source)
  const reader = await connect((req, res) => sse(req, res, runs.source("a")))
  say("Once ")
  assert.equal((await reader.next()).data, '"Once "')
  await reader.cut()
  say("upon a time")
  end()
  const again = await reader.reconnect()
  await again.closed()
  assert.equal(told(again.events).join(""), "upon a time[completed]")
  // an EventSource stops at this
  assert.equal((await again.reconnect()).status, 204)
})

test("a run can be read in another format while it runs, and resumed in it", async () => {
  const loud = { ...lines, name: "loud" }
  await using runs = createRuns({ format: { ...lines, headers: { "x-plain": "1" } }, formats: [loud] })
  const { say, end, source } = words()
  await runs.start("a", source)
  say("Once ")
  const plain = await connect((req, res) => sse(req, res, runs.source("a")))
  const other = await connect((req, res) => sse(req, res, runs.source("a", { format: "loud" })))
  assert.equal((await other.next()).data, '"ONCE "')
  await other.cut()
  say("upon a time")
  end()
  const again = await other.reconnect()
  await Promise.all([again.closed(), plain.closed()])
  assert.equal(told(plain.events).join(""), "Once upon a time[completed]")
  assert.equal(told(again.events).join(""), "UPON A TIME[COMPLETED]")
  assert.equal(await textOf(runs.attach("a", { format: "loud" })), "ONCE UPON A TIME[COMPLETED]")
  assert.equal(plain.headers.get("x-plain"), "1")
  assert.throws(() => runs.source("a", { format: "none" }), TypeError)
})

test("a word is never skipped, however soon it follows stored ones", async () => {
  for (let turns = 0; turns < 40; turns++) {
    const clock = createClock()
    await using runs = createRuns({ format: lines, clock, flush: { maxChars: 1 } })
    await runs.start("a", async function* () {
      yield "Once "
      for (let i = 0; i < turns; i++) await Promise.resolve()
      yield "upon"
      await new Promise(() => {})
    })
    const reader = await connect((req, res) => sse(req, res, runs.source("a")))
    await clock.pass(100)
    assert.equal(told(reader.events).join(""), "Once upon", `after ${turns} turns`)
    await runs.stop("a")
  }
})

test("a quiet run keeps its viewers' connections alive", async () => {
  const clock = createClock()
  await using runs = createRuns({ format: lines, clock })
  const { source } = words()
  await runs.start("a", source)
  const reader = await connect((req, res) => sse(req, res, runs.source("a")))
  await clock.pass(60_000)
  assert.ok(reader.comments.length >= 4)
  assert.equal(reader.events.length, 0)
})

test("over HTTP, HEAD reports the state of a run, DELETE stops it, and unknown, foreign or removed ones are reported", async () => {
  const clock = createClock()
  await using runs = createRuns({ format: lines, clock, retention: 60_000 })
  const { say, source } = words()
  await runs.start("a", source, { owner: "ada" })
  const handler = {
    fetch: (request: Request) => {
      const { searchParams } = new URL(request.url)
      const owner = searchParams.get("as") ?? "ada"
      const options = { owner, onlyActive: searchParams.has("active"), location: "/runs/a" }
      return runs.respond(request, searchParams.get("id") ?? "a", options)
    },
  }
  const ask = (method: string, query = "") => connect(handler, { method, path: `/?${query}` })
  say("Once ")
  const viewer = await ask("POST")
  assert.equal(viewer.headers.get("content-location"), "/runs/a")
  assert.equal((await ask("HEAD")).headers.get("onward-run-status"), "running")
  for (const method of ["GET", "HEAD", "DELETE"]) {
    assert.equal((await ask(method, "as=eve")).status, 404, `${method} of another's`)
    assert.equal((await ask(method, "id=b")).status, 404, `${method} of none`)
    assert.equal((await ask(method, "id=a*")).status, 404, `${method} of what is no id`)
  }
  const stopped = await ask("DELETE")
  assert.deepEqual(JSON.parse(stopped.text), { status: "stopped", outcome: "stopped" })
  await viewer.closed()
  assert.equal(told(viewer.events).at(-1), "[stopped]")
  assert.equal(JSON.parse((await ask("DELETE")).text).outcome, "already-ended")
  assert.equal((await ask("GET", "active")).status, 204)
  assert.equal((await ask("GET", "active&id=b")).status, 204)
  const id = viewer.events[0]?.id ?? ""
  assert.equal((await ask("GET", `active&last_event_id=${id}`)).status, 200, "who carries on wants the rest")
  await clock.pass(60_001)
  for (const method of ["GET", "HEAD", "DELETE"])
    assert.equal((await ask(method)).status, 410, `${method} of what is gone`)
  await assert.rejects(runs.start("a", source, { owner: "ada" }), { code: "run_expired" })
})

test("a page of another origin can read, ask and stop, if it is listed", async () => {
  await using runs = createRuns({ format: lines })
  const { source } = words()
  await runs.start("a", source)
  const cors = { origins: ["https://app.example"] }
  const handler = { fetch: (request: Request) => runs.respond(request, "a", { sse: { cors } }) }
  const ask = (method: string, origin = "https://app.example") => connect(handler, { method, headers: { origin } })
  const preflight = await ask("OPTIONS")
  assert.match(preflight.headers.get("access-control-allow-methods") ?? "", /DELETE/)
  for (const method of ["GET", "HEAD", "DELETE"]) {
    const { headers } = await ask(method)
    assert.equal(headers.get("access-control-allow-origin"), "https://app.example", method)
    const exposed = headers.get("access-control-expose-headers")?.split(", ") ?? []
    for (const name of headers.keys())
      if (/^(onward-|content-location)/.test(name)) assert.ok(exposed.includes(name), name)
    assert.ok(exposed.includes(method === "GET" ? "onward-run" : "onward-run-status"))
    assert.equal((await ask(method, "https://evil.example")).headers.get("access-control-allow-origin"), null)
  }
})

test("a server that closes ends streams of another server's runs without an end, so that viewers reconnect", async () => {
  const log = memoryLog()
  await using elsewhere = createRuns({ log: { ...log, close: async () => {} }, format: lines })
  const closing = createRuns({ log: { ...log, close: async () => {} }, format: lines })
  const { say, source } = words()
  await elsewhere.start("a", source)
  say("Once ")
  const reader = await connect((req, res) => sse(req, res, closing.source("a")))
  assert.equal((await reader.next()).data, '"Once "')
  await closing.close()
  await reader.closed()
  assert.deepEqual(told(reader.events), ["Once "])
  assert.equal((await elsewhere.status("a")).status, "running")
})
