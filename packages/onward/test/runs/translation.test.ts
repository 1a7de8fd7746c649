import assert from "node:assert/strict"
import { test } from "node:test"
import type { Format, Part } from "../../src/runs/format.ts"
import { checkFormat } from "../../src/runs/format.ts"
import { messageOf, type EndRecord, type RunRecord } from "../../src/runs/record.ts"
import { Replica } from "../../src/runs/replica.ts"
import { prepareTranslation, translate } from "../../src/runs/translation.ts"
import { createTranslations } from "../../src/runs/translations.ts"
import { createClock } from "../../src/testing/index.ts"
import { turnsOf } from "../../src/turns.ts"
import { lines } from "./lines.ts"

const open: RunRecord = { type: "open", by: "x", format: "lines" }
const delta = (n: number, ...frames: string[]): RunRecord => ({ type: "delta", by: "x", n, frames })

function replicaOf(...records: readonly RunRecord[]): Replica {
  const replica = new Replica({ id: "a", topic: "stream.run/-/a" })
  for (const [at, record] of records.entries()) {
    replica.records.take({ ...messageOf(replica.topic, record), position: `life0000~1${at}`, time: at })
  }
  return replica
}

/** A format whose reader counts the frames that it has read, and ends with their number. */
function counted(more: Partial<Format<string>> = {}) {
  const state = { readers: 0, decoded: 0 }
  const format: Format<string> = {
    ...lines,
    decode: ({ data }) => {
      state.decoded++
      return data === '"skip"' ? undefined : (JSON.parse(data) as string)
    },
    reader() {
      state.readers++
      let count = 0
      return {
        take(frame): Part[] {
          count++
          if (frame === "end") return [{ type: "end", ending: { status: "completed" } }]
          return [{ type: "text", delta: frame }]
        },
        isComplete: false,
        end: ({ status }) => [`[${status} ${count}]`],
      }
    },
    ...more,
  }
  return { format, state }
}

const framesOf = (cells: readonly { frame: unknown }[]): unknown[] => cells.map(({ frame }) => frame)

test("a run in its own format ends by its producer's reader only if the producer wrote the end here", () => {
  const { format, state } = counted()
  const ended: EndRecord = { type: "end", mark: "m", by: "x", status: "completed" }
  const stopped: EndRecord = { type: "end", mark: "m", status: "stopped" }
  const own = { ...format.reader(), end: () => ["[own]"] }
  state.readers = 0
  for (const [end, expected] of [
    [ended, "[own]"],
    [stopped, "[stopped 2]"],
  ] as const) {
    const replica = replicaOf(open, delta(1, '"a"', '"skip"', '"b"'), end)
    replica.reader = own
    const translation = translate(replica, format, format)
    assert.equal(translation.format, format)
    assert.deepEqual(framesOf(translation.end(end)), [expected])
  }
  assert.equal(state.readers, 1)
  const elsewhere = translate(replicaOf(open, delta(1, '"a"'), ended), format, format)
  const cells = elsewhere.end({ status: "completed" })
  assert.deepEqual(framesOf(cells), ["[completed 1]"])
  assert.equal(elsewhere.end({ status: "completed" }), cells, "made once")
})

test("the end of a deleted run tells nothing of its frames, in any format", () => {
  const { format } = counted()
  const loud = { ...counted().format, name: "loud" }
  const replica = replicaOf(open, delta(1, '"a"'))
  const [native, other] = [format, loud].map((each) => translate(replica, format as Format, each as Format))
  assert.deepEqual(framesOf(other?.frames(0) ?? []), ["A"])
  replica.records.take({
    ...messageOf(replica.topic, { type: "delete", mark: "d" }),
    position: "life0000~19",
    time: 9,
  })
  assert.deepEqual(framesOf(native?.end({ status: "stopped" }) ?? []), ["[stopped 0]"])
  assert.deepEqual(framesOf(other?.end({ status: "stopped" }) ?? []), ["[STOPPED]"])
})

test("a translated run is read once, in order, and ends once, by its source or by its record", () => {
  const { format, state } = counted()
  const loud = { ...format, name: "loud" } as Format
  const replica = replicaOf(open, delta(1, '"a"', '"skip"'), delta(2, '"b"'))
  const translation = translate(replica, format, loud)
  assert.deepEqual(framesOf(translation.frames(1)), ["B"])
  assert.deepEqual(framesOf(translation.frames(0)), ["A"])
  assert.equal(state.decoded, 3)
  assert.deepEqual(framesOf(translation.end({ status: "lost" })), ["[LOST]"])
  assert.deepEqual(framesOf(translation.end({ status: "lost" })), ["[LOST]"])
  // a client that resumes at the end has read no delta
  const late = translate(replicaOf(open, delta(1, '"a"', '"end"')), format, loud)
  assert.deepEqual(framesOf(late.end({ status: "completed" })), [])
  assert.deepEqual(framesOf(late.frames(0)), ["A", "[COMPLETED]"])
  // of a sequence, a response that another one may follow is not the end
  const many = { ...format, isSequence: true } as Format
  const sequence = translate(replicaOf(open, delta(1, '"end"', '"a"')), many, loud)
  assert.deepEqual(framesOf(sequence.frames(0)), ["A"])
  assert.deepEqual(framesOf(sequence.end({ status: "completed" })), ["[COMPLETED]"])
  const empty = translate(replicaOf(open), format, loud)
  assert.deepEqual(framesOf(empty.end({ status: "failed" })), ["[FAILED]"])
})

test("a long run is prepared in several turns of the event loop", async () => {
  const clock = createClock()
  let now = 0
  clock.monotonic = () => now++
  let turns = 0
  const { turn } = clock
  clock.turn = (run) => {
    turns++
    turn(run)
  }
  const replica = replicaOf(open, ...Array.from({ length: 50 }, (_, n) => delta(n + 1, '"a"')))
  const { format } = counted()
  const translation = translate(replica, format, { ...format, name: "loud" })
  assert.equal(await prepareTranslation(translation, replica, turnsOf(clock)), translation)
  assert.ok(turns > 5, `${turns} turns`)
})

test("each format of a run is prepared once for all viewers, and unknown ones are named", async () => {
  const clock = createClock()
  const loud = { ...lines, name: "loud" } as Format
  const formats = new Map([lines as Format, loud].map((format) => [format.name, format]))
  const translations = createTranslations(formats, turnsOf(clock))
  const replica = replicaOf(open, delta(1, '"a"'))
  const native = await translations.prepared(replica, undefined)
  assert.equal(native.format, lines)
  assert.equal(await translations.prepared(replica, "lines"), native)
  const other = await translations.prepared(replica, "loud")
  assert.equal(other.format, loud)
  assert.equal(await translations.prepared(replica, "loud"), other)
  assert.notEqual(await translations.prepared(replicaOf(open), "loud"), other)
  await assert.rejects(translations.prepared(replica, "none"), {
    name: "TypeError",
    message: 'createRuns has no format "none", only lines, loud. Add it to its option `formats`.',
  })
  await assert.rejects(translations.prepared(replicaOf(), "loud"), TypeError)
})

test("a format must have a name and all its methods", () => {
  checkFormat(lines)
  for (const name of ["name", "encode", "decode", "merge", "reader", "writer"]) {
    assert.throws(() => checkFormat({ ...lines, [name]: undefined }), /an object\. Pass for instance text\(\)/, name)
  }
  assert.throws(() => checkFormat(() => lines), /a function\. Call the function: format: text\(\)/)
  for (const none of [undefined, null, "text"]) assert.throws(() => checkFormat(none), TypeError)
})
