import { OnwardError } from "../errors.ts"

export const notAnEventStream = (): OnwardError =>
  new OnwardError(
    "bad_content_type",
    "The provider's response is not an event stream. Request a stream, for example by stream: true.",
  )

/** Enough characters to tell a field of an event from other text. */
const ENOUGH = 8
/** Maximum number of bytes that are read to find the first field. */
const MAX_READ = 4_096

/**
 * The pieces of a body that begins as an event stream does. Providers send event streams without a content type or with a wrong one.
 * @throws OnwardError `bad_content_type` for other bodies
 */
export async function* eventStreamIn(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader()
  try {
    const held: Uint8Array[] = []
    let text = ""
    for (let isEnough = false; !isEnough;) {
      const { done, value } = await reader.read()
      if (value) held.push(value)
      for (const byte of value?.subarray(0, MAX_READ) ?? []) text += String.fromCharCode(byte)
      const start = text.replace(/^(?:\u00ef\u00bb\u00bf)?\s*/, "")
      isEnough = done || start.length >= ENOUGH || text.length >= MAX_READ
      if (isEnough && !/^(?:data|event|id|retry)?:/.test(start)) {
        throw notAnEventStream()
      }
    }
    yield* held
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}
