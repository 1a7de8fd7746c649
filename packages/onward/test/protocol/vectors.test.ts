import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import { bytesOf, cutAt, cutTo, PARSERS, type Outcome } from "./feed.ts"

type Text = string | { readonly repeat: string; readonly times: number; readonly dropLast?: number }
interface Dispatched {
  readonly event: string
  readonly data: Text
  readonly lastEventId: string
}
interface Vector {
  readonly id: string
  readonly why: string
  readonly chunks: ReadonlyArray<Text | { readonly b64: string }>
  readonly chunkings?: ReadonlyArray<number | "whole">
  readonly minAfterChunk?: readonly number[]
  readonly expect: {
    readonly events:
      | readonly Dispatched[]
      | { readonly first: readonly Dispatched[]; readonly repeat: Dispatched; readonly times: number }
    readonly retry: number | null
    readonly lastEventId: string
  }
}

const file = new URL("../vectors/parser.json", import.meta.url)
const { vectors } = JSON.parse(readFileSync(file, "utf8")) as { vectors: readonly Vector[] }

const textOf = (text: Text): string =>
  typeof text === "string" ? text : text.repeat.repeat(text.times).slice(0, -(text.dropLast ?? 0) || undefined)

const chunkOf = (chunk: Vector["chunks"][number]): Uint8Array =>
  typeof chunk === "object" && "b64" in chunk
    ? Uint8Array.from(Buffer.from(chunk.b64, "base64"))
    : bytesOf(textOf(chunk))

function check({ expect }: Vector, outcome: Omit<Outcome, "ids">, how: string): void {
  const dispatched =
    "first" in expect.events
      ? [...expect.events.first, ...Array.from<Dispatched>({ length: expect.events.times }).fill(expect.events.repeat)]
      : expect.events
  const events = dispatched.map(({ event, data, lastEventId }) => ({ event, data: textOf(data), id: lastEventId }))
  assert.deepEqual(outcome.events, events, how)
  assert.equal(outcome.retry ?? null, expect.retry, how)
  assert.equal(outcome.lastEventId, expect.lastEventId, how)
}

for (const vector of vectors) {
  const { chunks, chunkings, minAfterChunk } = vector
  for (const { name, feed, limit } of PARSERS)
    test(`${vector.id}, ${name}: ${vector.why}`, () => {
      const given = chunks.map(chunkOf)
      const whole = Uint8Array.from(Buffer.concat(given))
      if (chunkings === undefined) {
        check(vector, feed(given), "as given")
        check(vector, feed(given, limit(whole.length + 1)), "near the limit")
        for (let cut = 0; cut <= whole.length; cut++) check(vector, feed(cutAt(whole, [cut])), `cut at ${cut}`)
      }
      for (const size of chunkings ?? [1, 2, 3, "whole"]) {
        check(vector, feed(size === "whole" ? [whole] : cutTo(whole, size)), `chunks of ${size}`)
      }
      let at = 0
      feed(given, {}, (events) => assert.ok(events.length >= (minAfterChunk?.[at++] ?? 0), `after chunk ${at}`))
    })
}
