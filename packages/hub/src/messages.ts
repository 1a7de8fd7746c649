import type { Message } from "onward"
import { formPairs, mediaTypeOf } from "./form.ts"
import { HttpError } from "./http-error.ts"
import { compact, JsonReader } from "./json.ts"

/** Maximum number of messages in one request. */
const MAX_BATCH = 1_000
/** Maximum number of fields of one message, more than messages can have. */
const MAX_FIELDS = 16
/** Maximum number of further topics of one message. */
const MAX_ALSO = 999
/** Maximum length of a field's name; longer ones are cut. */
const MAX_NAME_CHARS = 64

/** The messages of a request. `isBatch` is true if they are a list. The hub validates their fields. */
export interface Publication {
  readonly messages: readonly Message[]
  readonly isBatch: boolean
}

/** Parses messages by the body's media type, and checks the limits before it creates objects. Throws `HttpError`. */
export function readMessages(contentType: string | undefined, text: string): Publication {
  const read = READERS[mediaTypeOf(contentType)]
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
    fields.set(name, name === "data" ? readData(json) : name === "also" ? readAlso(json) : readValue(json))
  })
  return Object.fromEntries(fields) as unknown as Message
}

/** A string, or the text of any other value. */
function readData(json: JsonReader): string {
  const source = json.text.slice(json.skip(), json.at)
  return source.startsWith('"') ? (JSON.parse(source) as string) : compact(source)
}

/** Reads the list of further topics, or the wrong value that stands for it. */
function readAlso(json: JsonReader): unknown {
  if (json.peek() !== "[") return readValue(json)
  const topics: unknown[] = []
  json.elements(() => {
    if (topics.length === MAX_ALSO) {
      throw new HttpError(
        400,
        "invalid_message",
        `The message has more than ${MAX_ALSO} topics in \`also\`. Send several messages.`,
      )
    }
    topics.push(readValue(json))
  })
  return topics
}

/** Reads a text, a number or a word. An array or object, which no field can be, becomes an empty one: the hub refuses it by its kind. */
function readValue(json: JsonReader): unknown {
  const kind = json.peek()
  const source = json.text.slice(json.skip(), json.at)
  return kind === "[" ? [] : kind === "{" ? {} : JSON.parse(source)
}

/** Reads a form, in which each field but `also` occurs once. Percent-encoding that is not UTF-8 is refused. */
function fromForm(text: string): Message {
  const fields = new Map<string, string>()
  const also: string[] = []
  let count = 0
  for (const [given, value] of formPairs(text)) {
    checkFields(++count)
    const name = nameOf(given)
    if (name === "also") {
      also.push(value)
      continue
    }
    if (fields.has(name)) {
      throw new HttpError(400, "invalid_message", `The field "${name}" is given twice. Send a JSON array for a batch.`)
    }
    fields.set(name, value)
  }
  const { retry, ...rest } = Object.fromEntries(fields)
  const isNumber = retry !== undefined && /^\d+$/.test(retry)
  return {
    ...rest,
    ...(retry !== undefined && { retry: isNumber ? Number(retry) : retry }),
    ...(also.length > 0 && { also }),
  } as unknown as Message
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
