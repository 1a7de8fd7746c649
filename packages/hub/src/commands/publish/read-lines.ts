import { OnwardError } from "onward"
import type { Readable } from "node:stream"

/** Maximum length of a line, in characters. The hub refuses longer messages. */
const MAX_CHARS = 1_048_576

/** The lines of a chunk that was read. */
export interface Lines {
  readonly lines: readonly string[]
  /** The number of the first one, from 1. */
  readonly first: number
}

/**
 * Reads text as lines, chunk by chunk: lines that arrived together can be sent together, and no line waits for later ones. The next chunk is
 * read when the caller asks for it. Throws `OnwardError` for text that is not UTF-8, and for a line that is too long.
 */
export async function* readLines(input: Readable): AsyncGenerator<Lines> {
  const decoder = new TextDecoder("utf-8", { fatal: true })
  let rest = ""
  let first = 1
  for await (const chunk of input) {
    const parts = (rest + decode(decoder, chunk as Buffer)).split("\n")
    rest = parts.pop() ?? ""
    if (parts.length > 0) yield { lines: parts.map(checked), first }
    first += parts.length
    if (rest.length > MAX_CHARS) checked(rest, 0)
  }
  rest += decode(decoder)
  if (rest !== "") yield { lines: [checked(rest, 0)], first }

  function checked(line: string, at: number): string {
    if (line.length <= MAX_CHARS) return line.replace(/\r$/, "")
    throw new OnwardError(
      "message_too_large",
      `Line ${first + at} has more than ${MAX_CHARS} characters. Publish it in parts.`,
    )
  }
}

/** Reads all of the input as one text, without the line end at its end. */
export async function readAll(input: Readable): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true })
  let text = ""
  for await (const chunk of input) {
    text += decode(decoder, chunk as Buffer)
    if (text.length <= MAX_CHARS) continue
    throw new OnwardError(
      "message_too_large",
      `Standard input has more than ${MAX_CHARS} characters, and is one message. Publish lines with -l.`,
    )
  }
  return (text + decode(decoder)).replace(/\r?\n$/, "")
}

function decode(decoder: TextDecoder, chunk?: Buffer): string {
  try {
    return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true })
  } catch {
    throw new OnwardError(
      "invalid_message",
      "Standard input is not UTF-8. Convert it, for instance with iconv or base64.",
    )
  }
}
