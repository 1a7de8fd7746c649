import assert from "node:assert/strict"
import { test } from "node:test"
import type { Format, Part } from "../../src/runs/format.ts"
import { createRuns, type RunObservation, type RunState } from "../../src/runs/index.ts"
import type { RunsOptions } from "../../src/runs/options.ts"
import { createClock } from "../../src/testing/index.ts"
import { textOf } from "./text-of.ts"

/** A format whose frames say what they are: `.` completes a response, `!` fails it, `~` continues it, anything else is text. */
function format(more: Partial<Format<string>> = {}): Format<string> {
  return {
    name: "said",
    encode: (frame) => ({ data: JSON.stringify(frame) }),
    decode: ({ data }) => JSON.parse(data) as string,
    merge: () => undefined,
    reader() {
      let isComplete = false
      return {
        get isComplete() {
          return isComplete
        },
        take(frame): Part[] {
          isComplete = frame === "." || frame === "!"
          if (frame === ".") return [{ type: "end", ending: { status: "completed" } }]
          if (frame === "!")
            return [{ type: "end", ending: { status: "failed", error: { code: "own", message: "M" } } }]
          return frame === "~" ? [] : [{ type: "text", delta: frame }]
        },
        end: ({ status, error }) => [`[${status}${error ? ` ${error.code}` : ""}]`],
      }
    },
    writer: () => () => [],
    ...more,
  }
}

const CUT = new Error("cut")

/** What a viewer sees of a run whose source yields these frames, and then ends, fails or waits. */
async function told(
  frames: readonly string[],
  {
    end = "returns",
    isWire,
    options,
    ...more
  }: Partial<Format<string>> & {
    readonly end?: "returns" | "throws" | "waits"
    readonly isWire?: boolean
    readonly options?: Partial<RunsOptions<string>>
  } = {},
): Promise<{ readonly text: string; readonly errors: readonly unknown[]; readonly state: RunState }> {
  const clock = createClock()
  const errors: unknown[] = []
  const runs = createRuns({ format: format(more), clock, onError: (error) => errors.push(error), ...options })
  async function* source(): AsyncGenerator<string> {
    yield* frames
    if (end === "throws") throw CUT
    if (end === "waits") await new Promise(() => {})
  }
  const body = (): Response => {
    const text = frames
      .map((frame) => `data: ${frame === more.terminator ? frame : JSON.stringify(frame)}\n\n`)
      .join("")
    return new Response(text, { headers: { "content-type": "text/event-stream" } })
  }
  await runs.start("a", isWire === true ? body : source)
  await clock.pass(100)
  const text = await textOf(runs.attach("a"))
  const state = await runs.status("a")
  const closing = runs.close()
  await clock.pass(5_000)
  await closing
  assert.equal(clock.timers, 0)
  return { text, errors, state }
}

test("a frame that ends a response ends the run, whatever the source does then", async () => {
  for (const end of ["returns", "throws", "waits"] as const) {
    const { text, errors } = await told(["a", "."], { end })
    assert.deepEqual([text, errors], ["a.[completed]", []])
  }
  const failed = await told(["a", "!", "b"], { end: "waits" })
  assert.equal(failed.text, "a![failed own]")
  assert.deepEqual(failed.state.error, { code: "own", message: "M" })
})

test("of a sequence, another response can follow a completed one, and the last one counts", async () => {
  const isSequence = true
  assert.equal((await told(["a", ".", "b", "."], { isSequence })).text, "a.b.[completed]")
  assert.equal((await told(["a", ".", "b", "!", "c"], { isSequence, end: "waits" })).text, "a.b![failed own]")
  // an error of the connection after a complete response does not matter, and in the middle of one it does
  const complete = await told(["a", "."], { isSequence, end: "throws" })
  assert.deepEqual([complete.text, complete.errors], ["a.[completed]", []])
  const cut = await told(["a", ".", "b"], { isSequence, end: "throws" })
  assert.deepEqual([cut.text, cut.errors], ["a.b[failed source_failed]", [CUT]])
  const ended = await told(["a", ".", "~"], { isSequence })
  assert.equal(ended.text, "a.~[failed stream_ended]")
  assert.equal((await told(["a", "."], { end: "throws" })).text, "a.[completed]")
})

test("the end of a source completes a response if its format says so", async () => {
  for (const [endsWithSource, ofFrames, ofWire] of [
    [undefined, "failed stream_ended", "failed stream_ended"],
    [false, "failed stream_ended", "failed stream_ended"],
    [true, "completed", "completed"],
    ["frames", "completed", "failed stream_ended"],
  ] as const) {
    const more = endsWithSource === undefined ? {} : { endsWithSource }
    assert.equal((await told(["a"], more)).text, `a[${ofFrames}]`)
    assert.equal((await told(["a"], { ...more, isWire: true })).text, `a[${ofWire}]`)
  }
})

test("a terminator completes a response, and frames after it are not read", async () => {
  for (const isWire of [false, true]) {
    const { text, state } = await told(["a", "DONE", "b"], { terminator: "DONE", isWire, end: "waits" })
    assert.equal(text, "a[completed]")
    assert.equal(state.status, "completed")
  }
})

test("a run is told of as started, with its first text, and with its end and its numbers", async () => {
  const events: RunObservation[] = []
  await told(["~", "a", "b", "."], { options: { observe: (event) => events.push(event) } })
  assert.deepEqual(
    events.filter(({ type }) => type !== "attach" && type !== "leave").map(({ type }) => type),
    ["start", "first", "end"],
  )
  const end = events.find((event) => event.type === "end")
  assert.deepEqual([end?.id, end?.status, end?.metrics?.tokens], ["a", "completed", 2])
  const errors: unknown[] = []
  const mistake = new TypeError("a mistake")
  const { text } = await told(["a", "."], {
    options: {
      onError: (error) => errors.push(error),
      observe() {
        throw mistake
      },
    },
  })
  assert.equal(text, "a.[completed]")
  assert.ok(errors.length >= 3 && errors.every((error) => error === mistake))
})

test("a run that takes too long fails after exactly its time, and its source is aborted and returned", async () => {
  const clock = createClock()
  const runs = createRuns({ format: format(), clock, maxDuration: 1_000, onError: () => {} })
  const state = { reason: undefined as unknown, isReturned: false }
  const { ended } = await runs.start(
    "a",
    ({ signal, id }) => {
      assert.equal(id, "a")
      signal.addEventListener("abort", () => (state.reason = signal.reason))
      return {
        [Symbol.asyncIterator]: () => ({
          next: () => new Promise<never>(() => {}),
          return: async () => ((state.isReturned = true), { done: true, value: undefined } as const),
        }),
      }
    },
    { owner: "ada" },
  )
  await clock.pass(999)
  assert.equal((await runs.status("a", { owner: "ada" })).status, "running")
  const pending = ended()
  await clock.pass(1)
  assert.deepEqual((await pending).error?.code, "run_too_long")
  await clock.settle()
  assert.deepEqual([(state.reason as Error).name, (state.reason as Error).message], ["AbortError", "The run is over."])
  assert.equal(state.isReturned, true)
  await runs.close()
  assert.equal(clock.timers, 0)
})

test("closed runs start nothing, and end what they produce", async () => {
  const clock = createClock()
  const waited: Promise<unknown>[] = []
  const runs = createRuns({ format: format(), clock, waitUntil: (promise) => waited.push(promise) })
  await runs.start("a", () => new ReadableStream<string>())
  assert.equal(waited.length, 1)
  const watching = textOf(runs.attach("a"))
  await clock.settle()
  const closing = runs.close()
  await runs.close()
  await clock.pass(100)
  await closing
  assert.equal(await watching, "[failed hub_closed]")
  await waited[0]
  await assert.rejects(
    runs.start("b", () => new ReadableStream<string>()),
    { code: "hub_closed" },
  )
  assert.equal(clock.timers, 0)
})

test("closing waits two seconds for a store that does not answer, and viewers are told by then", async () => {
  const clock = createClock()
  const { memoryLog } = await import("../../src/log/index.ts")
  const inner = memoryLog({ clock })
  let isAway = false
  const log = {
    ...inner,
    append: ((messages) => (isAway ? new Promise(() => {}) : inner.append(messages))) as typeof inner.append,
  }
  const runs = createRuns({ log, format: format(), clock })
  await runs.start("a", () => new ReadableStream<string>())
  const watching = textOf(runs.attach("a"))
  await clock.settle()
  isAway = true
  let isClosed = false
  const closing = runs.close().then(() => (isClosed = true))
  await clock.pass(1_999)
  assert.equal(isClosed, false)
  await clock.pass(1)
  await closing
  assert.equal(await watching, "[failed hub_closed]")
})
