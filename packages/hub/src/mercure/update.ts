import { FORM, formPairs, mediaTypeOf } from "../form.ts"
import { HttpError } from "../http-error.ts"
import type { Dialect } from "./dialect.ts"
import { isReservedTopic } from "./reserved.ts"
import { isInvisible } from "./text.ts"

/** An update, as a publisher sends it. */
export interface Update {
  /** The first is the canonical topic. */
  readonly topics: readonly [string, ...string[]]
  readonly data: string
  readonly isPrivate: boolean
  readonly id: string | undefined
  readonly type: string | undefined
  readonly retry: number | undefined
}

/** Most topics of an update. */
const MAX_TOPICS = 1_000
/** Longest topic, in bytes. */
const MAX_TOPIC_BYTES = 4_096

/** Names of the fields of an update besides its topics. */
const FIELDS: ReadonlySet<string> = new Set(["data", "private", "id", "type", "retry"])

interface Reading {
  readonly dialect: Dialect
  /** The URL of the hub. */
  readonly base: string
  /** The path of the hub. */
  readonly path: string
}

/**
 * Reads an update from a form. Of a field that is given twice the first counts, except for `topic`. Unknown fields are ignored.
 * @throws HttpError 400, 403 and 413, which the dialect determines
 */
export function readUpdate(contentType: string | undefined, body: string, reading: Reading): Update {
  const topics: string[] = []
  const fields = new Map<string, string>()
  // a body of another type has no fields
  for (const [name, value] of mediaTypeOf(contentType) === FORM ? formPairs(body) : []) {
    if (name !== "topic") {
      if (FIELDS.has(name) && !fields.has(name)) fields.set(name, value)
    } else if (topics.push(value) > MAX_TOPICS) {
      throw new HttpError(
        413,
        "too_many_topics",
        `The update has more than ${MAX_TOPICS} topics. Publish several updates.`,
      )
    }
  }
  const [canonical, ...others] = topics
  if (canonical === undefined) throw bad('Missing "topic" parameter. Send a form with at least one topic.')
  for (const topic of topics) checkTopic(topic, reading)
  const { dialect } = reading
  return {
    topics: [canonical, ...others],
    data: fields.get("data") ?? "",
    isPrivate: fields.has("private"),
    id: idOf(fields.get("id"), dialect),
    type: typeOf(fields.get("type"), dialect),
    retry: retryOf(fields.get("retry")),
  }
}

const bad = (message: string): HttpError => new HttpError(400, "invalid_message", message)

function checkTopic(topic: string, { dialect, base, path }: Reading): void {
  if (dialect === 1 && (topic === "*" || isInvisible(topic))) {
    throw bad('Invalid "topic" parameter. A topic cannot be "*" or hold control or format characters.')
  }
  if (Buffer.byteLength(topic) > MAX_TOPIC_BYTES) {
    throw bad(`Invalid "topic" parameter. A topic can have ${MAX_TOPIC_BYTES} bytes.`)
  }
  if (!isReservedTopic(topic, dialect, { base, path })) return
  throw new HttpError(
    dialect === 0 ? 403 : 400,
    "reserved_topic",
    `Topics below ${path} are reserved. Use another topic.`,
  )
}

/** Mercure 0.x refuses only what would end the line. */
const hasBadChars = (text: string, dialect: Dialect): boolean =>
  dialect === 0 ? /[\r\n\0]/.test(text) : isInvisible(text)

function idOf(id: string | undefined, dialect: Dialect): string | undefined {
  if (id === undefined || id === "") return undefined
  const isReserved = dialect === 1 && (id.startsWith("#") || id === "earliest")
  if (!isReserved && !hasBadChars(id, dialect)) return id
  throw bad('Invalid "id" parameter. An id cannot begin with "#", be "earliest", or hold control or format characters.')
}

function typeOf(type: string | undefined, dialect: Dialect): string | undefined {
  if (type === undefined || type === "") return undefined
  if (!(dialect === 1 && type === "mercure") && !hasBadChars(type, dialect)) return type
  throw bad('Invalid "type" parameter. A type cannot be "mercure", or hold control or format characters.')
}

function retryOf(retry: string | undefined): number | undefined {
  if (retry === undefined || retry === "") return undefined
  const value = /^[0-9]+$/.test(retry) ? Number(retry) : Number.NaN
  if (Number.isSafeInteger(value)) return value
  throw bad('Invalid "retry" parameter. Use a whole number of milliseconds.')
}
