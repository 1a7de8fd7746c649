import type { Message } from "onward"
import { HttpError } from "./http-error.ts"
import { parseJson } from "./json.ts"

/** Most messages in one request. */
const MAX_BATCH = 1_000

/** What a request wants published; `isBatch` when it came as a list. The messages' fields are the hub's to check. */
export interface Publication {
  readonly messages: readonly Message[]
  readonly isBatch: boolean
}

/** Reads messages by the body's media type. Throws `HttpError`. */
export function readMessages(contentType: string | undefined, text: string): Publication {
  const read = READERS[mediaType(contentType)]
  if (!read) {
    throw new HttpError(
      415,
      "unsupported_media_type",
      "Send application/json, application/x-ndjson or application/x-www-form-urlencoded, in UTF-8.",
    )
  }
  const publication = read(text)
  if (publication.messages.length > MAX_BATCH) {
    throw new HttpError(413, "batch_too_large", `A batch may hold ${MAX_BATCH} messages: send several.`)
  }
  return publication
}

const READERS: Readonly<Partial<Record<string, (text: string) => Publication>>> = {
  "application/json": (text) => {
    const value = parseJson(text)
    return Array.isArray(value) ? batch(value) : { messages: [toMessage(value)], isBatch: false }
  },
  "application/x-ndjson": (text) =>
    batch(
      text
        .split("\n")
        .filter((line) => line.trim() !== "")
        .map(parseJson),
    ),
  "application/x-www-form-urlencoded": (text) => ({ messages: [fromForm(text)], isBatch: false }),
}

/** The media type in lower case; "" when the text would not be UTF-8. */
function mediaType(header = ""): string {
  const [type = "", ...parameters] = header.split(";").map((part) => part.trim().toLowerCase())
  const charset = parameters.find((parameter) => parameter.startsWith("charset="))
  return charset === undefined || /^charset="?utf-?8"?$/.test(charset) ? type : ""
}

const batch = (values: readonly unknown[]): Publication => ({ messages: values.map(toMessage), isBatch: true })

function toMessage(value: unknown): Message {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new HttpError(400, "invalid_message", 'A message is an object like {"topic":"hello","data":"world"}.')
  }
  return value as Message
}

/** One field a name; percent-encoding that is no UTF-8 is refused rather than repaired. */
function fromForm(text: string): Message {
  const fields = new Map<string, string>()
  for (const pair of text.split("&")) {
    if (pair === "") continue
    const at = pair.indexOf("=")
    const name = decode(at < 0 ? pair : pair.slice(0, at))
    if (fields.has(name)) {
      throw new HttpError(400, "invalid_message", `The field "${name}" is given twice: send a JSON array for a batch.`)
    }
    fields.set(name, at < 0 ? "" : decode(pair.slice(at + 1)))
  }
  const { retry, ...rest } = Object.fromEntries(fields)
  const isNumber = retry !== undefined && /^\d+$/.test(retry)
  return { ...rest, ...(retry !== undefined && { retry: isNumber ? Number(retry) : retry }) } as unknown as Message
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "))
  } catch {
    throw new HttpError(400, "invalid_body", "The form is not valid percent-encoded UTF-8.")
  }
}
