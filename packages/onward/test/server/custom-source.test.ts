import assert from "node:assert/strict"
import { test } from "node:test"
import { systemClock } from "../../src/clock.ts"
import { createHub } from "../../src/hub/index.ts"
import { answerStream, prepareSource, type Source, type StreamRequest } from "../../src/server/index.ts"
import type { Sink } from "../../src/sink.ts"

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
