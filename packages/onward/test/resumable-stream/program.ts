import { text } from "node:stream/consumers"

/** What a program for the package `resumable-stream` uses: its four methods. */
export interface Context {
  resumableStream(id: string, make: () => ReadableStream<string>, skip?: number): Promise<ReadableStream<string> | null>
  createNewResumableStream: Context["resumableStream"]
  resumeExistingStream(id: string, skip?: number): Promise<ReadableStream<string> | null | undefined>
  hasExistingStream(id: string): Promise<null | true | "DONE">
}

/** A stream that is written by hand. */
export interface Pen {
  /** How often it was made. */
  readonly made: number
  make(): ReadableStream<string>
  write(chunk: string): void
  end(): void
  fail(error: Error): void
}

export function createPen(...begin: readonly string[]): Pen {
  let controller: ReadableStreamDefaultController<string> | undefined
  let made = 0
  return {
    get made() {
      return made
    },
    make() {
      made++
      return new ReadableStream<string>({
        start(its) {
          controller = its
          for (const chunk of begin) its.enqueue(chunk)
        },
      })
    },
    write: (chunk) => controller?.enqueue(chunk),
    end: () => controller?.close(),
    fail: (error) => controller?.error(error),
  }
}

/** All of a stream as one text: how it is cut into chunks means nothing. Null and undefined stay what they are. */
export const all = async <T extends null | undefined>(stream: ReadableStream<string> | T): Promise<string | T> =>
  stream instanceof ReadableStream ? text(stream.pipeThrough(new TextEncoderStream())) : stream

/** Waits until a stream is known to be over. */
export async function over(context: Context, id: string): Promise<"DONE"> {
  for (;;) {
    const state = await context.hasExistingStream(id)
    if (state === "DONE") return state
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** One part of the program. `here` and `there` are contexts of two processes. */
export type Part = (here: Context, there: Context) => Promise<unknown>

/** A program written for the package. What its parts resolve to must not depend on whose context it is given. */
export const program: Readonly<Record<string, Part>> = {
  async "a stream that never was is unknown"(here, there) {
    return [await here.hasExistingStream("none"), await there.resumeExistingStream("none")]
  },

  async "whoever joins gets what was written before and after"(here, there) {
    const pen = createPen("one ", "two ")
    const first = await here.createNewResumableStream("joined", pen.make)
    const [same, other, late] = [
      await here.resumeExistingStream("joined"),
      await there.resumeExistingStream("joined"),
      await there.resumeExistingStream("joined", 4),
    ]
    const during = await there.hasExistingStream("joined")
    pen.write("three ")
    pen.write("four")
    pen.end()
    return [during, await Promise.all([first, same, other, late].map(all)), await over(there, "joined")]
  },

  async "the second to ask for a stream joins the first"(here, there) {
    const pen = createPen("once")
    const first = await here.resumableStream("shared", pen.make)
    const second = await there.resumableStream("shared", pen.make)
    pen.end()
    return [await all(first), await all(second), pen.made]
  },

  async "a stream goes on when its first reader leaves"(here, there) {
    const pen = createPen("before ")
    const first = await here.resumableStream("left", pen.make)
    await first?.cancel()
    const second = await there.resumeExistingStream("left")
    pen.write("after")
    pen.end()
    return [await all(second), await over(here, "left")]
  },

  async "what is skipped is counted in UTF-16 units, and not a character is changed"(here, there) {
    const pen = createPen("a\u{1F600}b\r\n", "", "data: c\n\n\r", "\u2028d")
    await here.resumableStream("units", pen.make)
    const skipped = await Promise.all([0, 1, 3, 4, 5, 6, 16].map((skip) => there.resumeExistingStream("units", skip)))
    pen.end()
    return Promise.all(skipped.map(all))
  },

  async "an id may be any text"(here, there) {
    const ids = ["a/b", "*", ":id", "50%", "a b\nc", "\u{1F600}"]
    const pens = ids.map((id) => createPen(id))
    await Promise.all(ids.map((id, i) => here.resumableStream(id, (pens[i] ?? createPen()).make)))
    const joined = await Promise.all(ids.map((id) => there.resumeExistingStream(id)))
    for (const pen of pens) pen.end()
    return Promise.all(joined.map(all))
  },

  async "a stream without a character ends too"(here) {
    const pen = createPen()
    const stream = await here.resumableStream("empty", pen.make)
    pen.end()
    return [await all(stream), await over(here, "empty")]
  },
}

/** What the parts of the program resolve to, in their order. */
export const expected: readonly unknown[] = [
  [null, undefined],
  [true, ["one two three four", "one two three four", "one two three four", "two three four"], "DONE"],
  ["once", "once", 1],
  ["before after", "DONE"],
  [
    "a\u{1F600}b\r\ndata: c\n\n\r\u2028d",
    "\u{1F600}b\r\ndata: c\n\n\r\u2028d",
    "b\r\ndata: c\n\n\r\u2028d",
    "\r\ndata: c\n\n\r\u2028d",
    "\ndata: c\n\n\r\u2028d",
    "data: c\n\n\r\u2028d",
    "\u2028d",
  ],
  ["a/b", "*", ":id", "50%", "a b\nc", "\u{1F600}"],
  ["", "DONE"],
]

/** Where the two differ, each named by what ours does. */
export const differences: Readonly<Record<string, Part>> = {
  async "a finished stream is there for whoever asks"(here, there) {
    const pen = createPen("all of it")
    await all(await ended(here, "finished", pen))
    return [
      await all(await there.resumeExistingStream("finished")),
      await all(await there.resumableStream("finished", pen.make, 4)),
    ]
  },

  async "more can be skipped than was written yet"(here, there) {
    const pen = createPen("12345")
    await here.resumableStream("ahead", pen.make)
    const ahead = await there.resumeExistingStream("ahead", 8)
    pen.write("67890")
    pen.end()
    return all(ahead)
  },

  async "two who create the same stream get the same stream"(here, there) {
    const pens = [createPen("mine"), createPen("yours")] as const
    const first = await here.createNewResumableStream("twice", pens[0].make)
    const second = await there.createNewResumableStream("twice", pens[1].make)
    for (const pen of pens) if (pen.made > 0) pen.end()
    return Promise.all([first, second].map(all))
  },
}

async function ended(context: Context, id: string, pen: Pen): Promise<ReadableStream<string> | null> {
  const stream = await context.resumableStream(id, pen.make)
  pen.end()
  await over(context, id)
  return stream
}
