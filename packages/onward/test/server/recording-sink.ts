import assert from "node:assert/strict"
import type { Frame } from "../../src/frame.ts"
import type { Sink } from "../../src/sink.ts"
import type { TestClock } from "../../src/testing/index.ts"

/** A sink that notes what it is told, and when. */
export function createSink(clock: TestClock): Sink & {
  readonly texts: [at: number, text: string][]
  readonly closes: [at: number, isAbort: boolean][]
  hasRoom: boolean
} {
  const texts: [number, string][] = []
  const closes: [number, boolean][] = []
  const sink: ReturnType<typeof createSink> = {
    owner: undefined,
    texts,
    closes,
    hasRoom: true,
    write: ({ text }: Frame) => sink.writeText(text),
    writeText(text: string) {
      assert.deepEqual(closes, [], "nothing is written after the end")
      texts.push([clock.monotonic(), text])
      return sink.hasRoom
    },
    close({ abort = false } = {}) {
      closes.push([clock.monotonic(), abort])
      sink.owner?.onClose()
    },
  }
  return sink
}
