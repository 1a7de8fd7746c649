import type { Message } from "onward"
import { HttpError } from "./http-error.ts"
import { compact, JsonReader } from "./json.ts"

/** Maximum number of messages in one request. */
const MAX_BATCH = 1_000
/** Maximum number of fields of one message, more than messages can have. */
const MAX_FIELDS = 16
/** Maximum length of a field's name; longer ones are cut. */
const MAX_NAME_CHARS = 64

/** The messages of a request. `isBatch` is true if they are a list. The hub validates their fields. */
export interface Publication {
  readonly messages: readonly Message[]
  readonly isBatch: boolean
}

/** Parses messages by the body's media type, and checks the limits before it creates objects. Throws `HttpError`. */
export function readMessages(contentType: string | undefined, text: string): Publication {
  const read = READERS[mediaType(contentType)]
  if (!read) {
    throw new HttpError(
      415,
      "unsupported_media_type",
      "The media type is not supported. Use application/json, application/x-ndjson or application/x-www-form-urlencoded, in UTF-8.",
    )
  }
  return read(text)
}

const READERS: Readonly<Partial<Record<string, (text: string) => Publication>>> = {
  "application/json": fromJson,
  "application/x-ndjson": fromLines,
  "application/x-www-form-urlencoded": (text) => ({ messages: [fromForm(text)], isBatch: false }),
}

/** Returns the media type in lower case; "" if the charset is not UTF-8. */
function mediaType(header = ""): string {
  const [type = "", ...parameters] = header.split(";").map((part) => part.trim().toLowerCase())
  const charset = parameters.find((parameter) => parameter.startsWith("charset="))
  return charset === undefined || /^charset="?utf-?8"?$/.test(charset) ? type : ""
}

function fromJson(text: string): Publication {
  const json = new JsonReader(text)
  const messages: Message[] = []
  const isBatch = json.peek() === "["
  if (isBatch) {
    json.elements(() => {
      checkBatch(messages.length + 1)
      messages.push(readMessage(json))
    })
  } else messages.push(readMessage(json))
  json.end()
  return { messages, isBatch }
}

function fromLines(text: string): Publication {
  const messages: Message[] = []
  for (let from = 0; from < text.length;) {
    if (isSpace(text.charCodeAt(from))) {
      from++
      continue
    }
    const end = text.indexOf("\n", from)
    const to = end < 0 ? text.length : end
    checkBatch(messages.length + 1)
    const json = new JsonReader(text.slice(from, to))
    messages.push(readMessage(json))
    json.end()
    from = to + 1
  }
  return { messages, isBatch: true }
}

const SPACE = 0x20

const isSpace = (code: number): boolean => code === SPACE || code === 0x0a || code === 0x0d || code === 0x09

function checkBatch(count: number): void {
  if (count > MAX_BATCH) {
    throw new HttpError(413, "batch_too_large", `The batch has more than ${MAX_BATCH} messages. Send several batches.`)
  }
}

/** Reads the message that starts here. Its data is copied as text, so that numbers keep their notation. */
function readMessage(json: JsonReader): Message {
  if (json.peek() !== "{") {
    json.skip()
    throw new HttpError(400, "invalid_message", 'The message is not an object. Use {"topic":"hello","data":"world"}.')
  }
  const fields = new Map<string, unknown>()
  let count = 0
  json.members((nameFrom, nameTo) => {
    checkFields(++count)
    const name = nameOf(JSON.parse(json.text.slice(nameFrom, nameTo)) as string)
    const isText = json.peek() === "other"
    const source = json.text.slice(json.skip(), json.at)
    const isData = name === "data" && !source.startsWith('"')
    // a field that must be text or a number becomes null if it is neither
    fields.set(name, isData ? compact(source) : isText ? JSON.parse(source) : null)
  })
  return Object.fromEntries(fields) as unknown as Message
}

/** Reads a form, in which each field occurs once. Percent-encoding that is not UTF-8 is refused. */
function fromForm(text: string): Message {
  const fields = new Map<string, string>()
  let count = 0
  for (let from = 0; from < text.length;) {
    if (text.charCodeAt(from) === AMPERSAND) {
      from++
      continue
    }
    const end = text.indexOf("&", from)
    const to = end < 0 ? text.length : end
    checkFields(++count)
    const pair = text.slice(from, to)
    const at = pair.indexOf("=")
    const name = nameOf(decode(at < 0 ? pair : pair.slice(0, at)))
    if (fields.has(name)) {
      throw new HttpError(400, "invalid_message", `The field "${name}" is given twice. Send a JSON array for a batch.`)
    }
    fields.set(name, at < 0 ? "" : decode(pair.slice(at + 1)))
    from = to + 1
  }
  const { retry, ...rest } = Object.fromEntries(fields)
  const isNumber = retry !== undefined && /^\d+$/.test(retry)
  return { ...rest, ...(retry !== undefined && { retry: isNumber ? Number(retry) : retry }) } as unknown as Message
}

function checkFields(count: number): void {
  if (count > MAX_FIELDS) {
    throw new HttpError(
      400,
      "invalid_message",
      `The message has more than ${MAX_FIELDS} fields. Send several messages.`,
    )
  }
}

/** Cuts a name for error messages. A longer name is unknown in any case. */
const nameOf = (name: string): string => (name.length > MAX_NAME_CHARS ? `${name.slice(0, MAX_NAME_CHARS)}…` : name)

const AMPERSAND = 0x26
const PLUS = 0x2b
const PERCENT = 0x25

/** Percent-decodes a form's name or value (WHATWG URL, section 5.1) in one pass: replacing a million `+` one by one takes 200 ms. */
function decode(text: string): string {
  if (!/[+%]/.test(text)) return text
  const bytes = Buffer.from(text)
  let length = 0
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number
    if (byte === PERCENT) {
      bytes[length++] = hexAt(bytes, i + 1) * 16 + hexAt(bytes, i + 2)
      i += 2
    } else bytes[length++] = byte === PLUS ? SPACE : byte
  }
  try {
    return UTF_8.decode(bytes.subarray(0, length))
  } catch {
    throw notEncoded()
  }
}

const UTF_8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

function hexAt(bytes: Buffer, at: number): number {
  const byte = bytes[at] ?? 0
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  if (lower < 0x61 || lower > 0x66) throw notEncoded()
  return lower - 0x57
}

const notEncoded = (): HttpError =>
  new HttpError(400, "invalid_body", "The form is not valid percent-encoded UTF-8. Encode it with encodeURIComponent.")
