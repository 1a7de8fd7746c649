import assert from "node:assert/strict"
import { getEventListeners } from "node:events"
import { test } from "node:test"
import { systemClock, type Clock } from "../../src/clock.ts"
import { createHub } from "../../src/hub/index.ts"
import { answerStream, prepareSource, type Source, type StreamRequest } from "../../src/server/index.ts"
import type { SourceSseOptions } from "../../src/server/options.ts"
import type { Sink } from "../../src/sink.ts"
import { createClock } from "../../src/testing/index.ts"
import { createSink } from "./recording-sink.ts"

/** A source that tells how it was ended. */
function createSource(): { readonly source: AsyncIterable<string>; readonly ends: string[] } {
  const ends: string[] = []
  const iterator: AsyncIterator<string> = {
    next: () => new Promise(() => {}),
    return: async () => {
      ends.push("returned")
      return { done: true, value: undefined }
    },
  }
  return { source: { [Symbol.asyncIterator]: () => iterator }, ends }
}

/** A request whose client disconnects when the test says so. */
function createRequest(method = "GET"): {
  readonly request: StreamRequest
  disconnect: () => void
  watchers: () => number
} {
  const leaves = new Set<() => void>()
  return {
    request: {
      method,
      url: "/",
      header: () => undefined,
      onLeave(leave) {
        leaves.add(leave)
        return () => leaves.delete(leave)
      },
    },
    disconnect: () => leaves.forEach((leave) => leave()),
    watchers: () => leaves.size,
  }
}

const turn = (): Promise<void> => new Promise((resolve) => void systemClock.turn(resolve))

test("a source whose client disconnects while it starts is returned once, and its request is no longer watched", async () => {
  for (const isFunction of [false, true]) {
    const { source, ends } = createSource()
    const { request, disconnect, watchers } = createRequest()
    const signals: AbortSignal[] = []
    const open = ({ signal }: { readonly signal: AbortSignal }): AsyncIterable<string> => {
      signals.push(signal)
      return source
    }
    const answer = answerStream(request, isFunction ? open : source)
    disconnect()
    assert.equal((await answer).start, undefined, "there is nothing to stream")
    await turn()
    assert.deepEqual([ends, watchers()], [["returned"], 0])
    assert.ok(signals.every(({ aborted }) => aborted))
  }
})

test("a function whose client disconnects meanwhile returns a source that is not asked", async () => {
  const queue = createQueue()
  const { request, disconnect } = createRequest()
  const opening = Promise.withResolvers<AsyncIterable<string>>()
  const answer = answerStream(request, () => opening.promise)
  disconnect()
  opening.resolve(queue.source)
  assert.equal((await answer).status, 204)
  await turn()
  assert.deepEqual(queue.seen, { asked: 0, returned: 1 })
})

test("a source that is not needed is ended, and a source function is not called: for HEAD, and for a refusal", async () => {
  for (const method of ["HEAD", "PUT"]) {
    const { source, ends } = createSource()
    const stream = new ReadableStream<string>({ cancel: () => void ends.push("cancelled") })
    await answerStream(createRequest(method).request, source)
    await answerStream(createRequest(method).request, stream)
    await answerStream(createRequest(method).request, () => {
      throw new Error("it was called")
    })
    await turn()
    assert.deepEqual(ends.sort(), ["cancelled", "returned"], method)
  }
})

test("a prepared source ends by its own signal and by that of the caller", async () => {
  for (const by of ["own", "caller"]) {
    const { source, ends } = createSource()
    const [own, caller] = [new AbortController(), new AbortController()]
    const prepared = prepareSource(() => source, { signal: own.signal })
    const answer = await answerStream(createRequest().request, prepared as Source, { signal: caller.signal })
    let closes = 0
    const sink: Sink = { owner: undefined, write: () => true, writeText: () => true, close: () => void closes++ }
    answer.start?.(sink)
    const controller = by === "own" ? own : caller
    controller.abort()
    await turn()
    assert.deepEqual([ends, closes], [["returned"], 1], by)
  }
})

/** A source that yields what it is given, and then is silent until it ends or fails. */
function createQueue(): {
  readonly source: AsyncIterable<string>
  readonly seen: { asked: number; returned: number }
  give(value: unknown): void
  end(): void
  fail(error: unknown): void
  failsToReturn: Error | undefined
} {
  const seen = { asked: 0, returned: 0 }
  const given: IteratorResult<string>[] = []
  let waiting: PromiseWithResolvers<IteratorResult<string>> | undefined
  const give = (result: IteratorResult<string>): void => {
    if (!waiting) return void given.push(result)
    waiting.resolve(result)
    waiting = undefined
  }
  const iterator: AsyncIterator<string> = {
    next() {
      seen.asked++
      const result = given.shift()
      if (result) return Promise.resolve(result)
      waiting = Promise.withResolvers()
      return waiting.promise
    },
    async return() {
      seen.returned++
      if (queue.failsToReturn) throw queue.failsToReturn
      return { done: true, value: undefined }
    },
  }
  const queue: ReturnType<typeof createQueue> = {
    failsToReturn: undefined,
    source: { [Symbol.asyncIterator]: () => iterator },
    seen,
    give: (value) => give({ done: false, value: value as string }),
    end: () => give({ done: true, value: undefined }),
    fail: (error) => waiting?.reject(error),
  }
  return queue
}

/** Streams a queue, by a clock that stands still. */
async function streamed(options: SourceSseOptions = {}, clock = createClock()) {
  const queue = createQueue()
  const sink = createSink(clock)
  const errors: unknown[] = []
  let signal: AbortSignal | undefined
  const source: Source = (context) => {
    signal = context.signal
    return queue.source
  }
  const answer = await answerStream(createRequest().request, source, {
    onError: (error) => errors.push(error),
    ...options,
    clock,
  })
  answer.start?.(sink)
  await clock.settle()
  return {
    clock,
    queue,
    sink,
    errors,
    signal: () => signal as AbortSignal,
    textsAt: () => sink.texts.slice(1).map(([at]) => at),
  }
}

test("a silent source has a heartbeat in time, counted from the last thing that was written", async () => {
  const { clock, queue, sink, textsAt } = await streamed({ heartbeat: 10_000 })
  await clock.pass(21_000)
  assert.deepEqual(textsAt(), [10_000, 20_000])
  queue.give("one")
  // nine tenths of the heartbeat later
  await clock.pass(9_000)
  assert.deepEqual(textsAt().slice(2), [21_000, 30_000])
  await clock.pass(2_000)
  queue.give("two")
  // not necessary yet at the next visit, so there is another one in time
  await clock.pass(10_000)
  assert.deepEqual(textsAt().slice(4), [32_000, 42_000])
  assert.equal(sink.texts.at(-1)?.[1], ": \n")
})

test("all streams of a clock have one timer, and none is left when they are over", async () => {
  const clock = createClock()
  const streams = [await streamed({}, clock), await streamed({}, clock)]
  assert.equal(clock.timers, 1)
  streams[0]?.queue.end()
  streams[1]?.sink.owner?.onClose()
  await clock.settle()
  assert.equal(clock.timers, 0)
})

test("a client that takes nothing for the stall timeout is cut off, and its source is returned", async () => {
  const { clock, queue, sink } = await streamed({ heartbeat: 1_000, stallTimeout: 3_000 })
  sink.hasRoom = false
  queue.give("one")
  queue.give("two")
  await clock.pass(2_999)
  assert.deepEqual([sink.closes, queue.seen], [[], { asked: 1, returned: 0 }])
  await clock.pass(1)
  assert.deepEqual([sink.closes, queue.seen], [[[3_000, true]], { asked: 1, returned: 1 }])
  assert.equal(sink.texts.length, 2, "no heartbeat is written to a client without room")
})

test("a client may take nothing for two minutes, by default", async () => {
  const { clock, queue, sink } = await streamed()
  sink.hasRoom = false
  queue.give("one")
  await clock.pass(119_999)
  assert.equal(sink.closes.length, 0)
  await clock.pass(1)
  assert.equal(sink.closes.length, 1)
})

test("a client that fills up long before the next heartbeat is cut off after the stall timeout too", async () => {
  const { clock, queue, sink } = await streamed({ heartbeat: 60_000, stallTimeout: 1_000 })
  await clock.pass(5_250)
  assert.equal(sink.texts.length, 1)
  sink.hasRoom = false
  queue.give("one")
  await clock.pass(1_500)
  assert.equal(sink.closes.length, 1)
})

test("a client that has room again gets what follows, and heartbeats", async () => {
  const { clock, queue, sink, textsAt } = await streamed({ heartbeat: 1_000, stallTimeout: 2_000 })
  sink.hasRoom = false
  queue.give("one")
  await clock.pass(1_500)
  sink.hasRoom = true
  sink.owner?.onDrain()
  queue.give("two")
  await clock.pass(10_000)
  assert.deepEqual([sink.closes, sink.texts[2]?.[1]], [[], "data: two\n\n"])
  for (const [i, at] of textsAt().slice(2).entries()) assert.ok(at - (textsAt()[i + 1] as number) <= 1_000)
})

test("a source is not asked again after its client disconnected while it had no room", async () => {
  const { clock, queue, sink } = await streamed()
  sink.hasRoom = false
  queue.give("one")
  queue.give("two")
  await clock.settle()
  sink.owner?.onClose()
  await clock.settle()
  assert.deepEqual([queue.seen, sink.texts.length], [{ asked: 1, returned: 1 }, 2])
})

test("what a source yields after its client disconnected is not written, and it is not asked again", async () => {
  const { clock, queue, sink } = await streamed()
  sink.owner?.onClose()
  queue.give("late")
  await clock.settle()
  assert.deepEqual([queue.seen, sink.texts.length], [{ asked: 1, returned: 1 }, 1])
})

test("a source that ended or failed by itself is not returned, its signal aborts, and the stream is closed once", async () => {
  const error = new Error("no more")
  for (const [how, end, last] of [
    ["ends", true, /^event: stream\.end\n/],
    ["ends", false, undefined],
    ["fails", true, /^event: stream\.error\ndata: \{"code":"source_failed"\}\n\n$/],
  ] as const) {
    const { clock, queue, sink, errors, signal } = await streamed({ end })
    if (how === "fails") queue.fail(error)
    else queue.end()
    await clock.settle()
    assert.deepEqual([queue.seen.returned, sink.closes, errors], [0, [[0, false]], how === "fails" ? [error] : []])
    assert.equal(sink.texts.length, last ? 2 : 1)
    if (last) assert.match(String(sink.texts[1]?.[1]), last)
    assert.equal(signal().aborted, true)
  }
})

test("an error of a source that is returned is reported, unless it only says that the stream is over", async () => {
  const failure = new Error("it cannot be closed")
  for (const [error, expected] of [
    [failure, [failure]],
    [new DOMException("stopped", "AbortError"), []],
  ] as const) {
    const { clock, queue, sink, errors } = await streamed()
    queue.failsToReturn = error
    sink.owner?.onClose()
    await clock.settle()
    assert.deepEqual(errors, expected)
  }
})

test("a source is closed without an end when its signal aborts, before the stream begins or later", async () => {
  for (const isEarly of [true, false]) {
    const controller = new AbortController()
    if (isEarly) controller.abort()
    const { clock, queue, sink } = await streamed({ signal: controller.signal })
    controller.abort()
    await clock.settle()
    assert.deepEqual([queue.seen.returned, sink.closes, sink.texts.length], [1, [[0, false]], 1])
    assert.equal(getEventListeners(controller.signal, "abort").length, 0)
  }
})

test("a source that never waits does not hold up the event loop", async () => {
  // each look at the time takes a millisecond
  let time = 0
  const clock: Clock = { ...systemClock, monotonic: () => time++ }
  let [asked, askedAtTurn] = [0, 0]
  async function* busy(): AsyncGenerator<string> {
    while (asked++ < 1_000) yield "x"
  }
  const answer = await answerStream(createRequest().request, busy(), { clock })
  const sink: Sink = { owner: undefined, write: () => true, writeText: () => true, close: () => {} }
  answer.start?.(sink)
  clock.turn(() => (askedAtTurn = asked))
  await turn()
  assert.ok(askedAtTurn < 20, `${askedAtTurn} in one turn`)
  sink.owner?.onClose()
})

test("a source that yields what cannot be sent is told why, and is returned", async () => {
  for (const [value, message] of [
    [7, /^TypeError: A source must yield strings or messages.*not 7\./],
    [null, /not null\./],
    [new Uint8Array(2), /not a Uint8Array\./],
    [{ id: "stream.end" }, /The `id` that a source yielded means that the stream is over/],
    [{ id: " 1" }, /The `id` that a source yielded .*\. Yield another id\.$/],
  ] as const) {
    const { clock, queue, errors, sink } = await streamed()
    queue.give(value)
    await clock.settle()
    assert.match(String(errors[0]), message)
    assert.deepEqual([queue.seen.returned, sink.closes.length], [1, 1])
  }
})

test("a source can yield ids, and the empty id, which resets the last one", async () => {
  const { clock, queue, sink } = await streamed()
  for (const id of ["7", "", undefined]) queue.give({ id, data: "x" })
  await clock.settle()
  assert.deepEqual(
    sink.texts.slice(1).map(([, text]) => text),
    ["id: 7\ndata: x\n\n", "id: \ndata: x\n\n", "data: x\n\n"],
  )
})

const hub = createHub()

/** What programs pass by mistake, and what they are told. */
const MISTAKES: readonly (readonly [source: unknown, advice: RegExp])[] = [
  [hub, /Pass hub\.subscribe\(\{ topics: \["news"\] \}\)\.$/],
  [{ publish: 1 }, /Pass for instance hub\.subscribe/],
  [{ subscribe: 1 }, /Pass for instance hub\.subscribe/],
  [{ start: 1, source: 1 }, /Pass runs\.source\(id\)\.$/],
  [{ source: 1 }, /Pass for instance hub\.subscribe/],
  [{ append: 1, locate: 1 }, /Make a hub of the log/],
  [{ topics: ["a"] }, /Pass hub\.subscribe\(\{ … \}\)\.$/],
  [{ patterns: ["a"] }, /Pass hub\.subscribe\(\{ … \}\)\.$/],
  [{ headers: {} }, /order of arguments/],
  [{ writeHead: 1 }, /order of arguments/],
  ["text", /Yield the events from an `async function\*`\.$/],
  [["text"], /Yield the events from an `async function\*`\.$/],
  [Promise.resolve(), /Await it/],
  [function* () {}, /Write `async function\*` instead of `function\*`\.$/],
  [undefined, /Pass for instance hub\.subscribe/],
  [null, /Pass for instance hub\.subscribe/],
  [7, /Pass for instance hub\.subscribe/],
]

test("a source of a wrong kind is refused with advice", () => {
  for (const [source, advice] of MISTAKES) {
    assert.throws(() => answerStream(createRequest().request, source as Source), { name: "TypeError", message: advice })
  }
})

test("a header value that no response can have is refused before anything is sent, and the source is not opened", async () => {
  let opened = 0
  const source = (): undefined => void opened++
  const statusOf = async (value: string): Promise<number> =>
    (await answerStream(createRequest().request, source, { headers: { "x-a": value } })).status
  for (const value of ["a\r\nb: c", "a\nb", "\u0000", "\u007f", "東"]) assert.equal(await statusOf(value), 400, value)
  assert.equal(opened, 0)
  for (const value of ["", "a\tb", "é", "~"]) assert.equal(await statusOf(value), 204, value)
})
