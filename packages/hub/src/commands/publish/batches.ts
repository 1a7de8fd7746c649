import { randomUUID } from "node:crypto"
import type { Readable } from "node:stream"
import { setTimeout as sleep } from "node:timers/promises"
import { OnwardError } from "onward"
import { HttpError } from "../../http-error.ts"
import { JsonReader } from "../../json.ts"
import type { CommonFields, PublishOptions } from "./command-line.ts"
import { readAll, readLines } from "./read-lines.ts"

/** One message as a line of JSON, and its topic for the output. */
export interface Outgoing {
  readonly topic: string
  readonly json: string
}

/** Messages that are sent together. */
export interface Batch {
  readonly messages: readonly Outgoing[]
  /** The number of the first one: of the message, or of its line. */
  readonly first: number
}

/** Limits of a batch: the hub's, and less than the body that it accepts. */
const MAX_MESSAGES = 1_000
const MAX_CHARS = 262_144

/**
 * Reads what to publish. Each message has an idempotency key, so that a batch can be sent again when its response was lost. Throws
 * `OnwardError` for input that is no message.
 */
export async function* readBatches(
  { topic = "", fields, input, mercure }: Pick<PublishOptions, "topic" | "fields" | "input" | "mercure">,
  stdin: Readable,
): AsyncGenerator<Batch> {
  const series = randomUUID()
  const most = mercure ? 1 : MAX_MESSAGES
  const message = (number: number, data: string): Outgoing => ({
    topic,
    json: toJson(topic, data, number, fields, series),
  })
  if (input.kind === "lines" || input.kind === "ndjson") {
    for await (const { lines, first } of readLines(stdin)) {
      const numbered = lines.flatMap((line, at) => (line.trim() === "" ? [] : [{ line, number: first + at }]))
      yield* split(
        numbered.map(({ line, number }) => ({
          number,
          outgoing: input.kind === "lines" ? message(number, line) : complete(line, { number, topic, fields, series }),
        })),
        most,
      )
    }
    return
  }
  const data = input.kind === "data" ? input.data : await readAll(stdin)
  const isNumbered = input.count > 1
  const step = input.sleep > 0 ? 1 : MAX_MESSAGES
  for (let number = 1; number <= input.count; number += step) {
    if (number > 1 && input.sleep > 0) await sleep(input.sleep)
    const size = Math.min(step, input.count - number + 1)
    const numbers = Array.from({ length: size }, (_, at) => number + at)
    yield* split(
      numbers.map((each) => ({ number: each, outgoing: message(each, isNumbered ? fill(data, each) : data) })),
      most,
    )
  }
}

const fill = (text: string, number: number): string => text.replaceAll("%n", String(number))

function toJson(topic: string, data: string, number: number, fields: CommonFields, series: string): string {
  const { id, idempotencyKey, ...others } = fields
  return JSON.stringify({
    topic,
    data,
    ...others,
    ...(id !== undefined && { id: fill(id, number) }),
    ...((idempotencyKey !== undefined || id === undefined) && {
      idempotencyKey: fill(idempotencyKey ?? `${series}-%n`, number),
    }),
  })
}

/** Adds to a message, given as JSON, what it does not have. Its text stays as it is, so that numbers keep their notation. */
function complete(
  line: string,
  { number, topic, fields, series }: { number: number; topic: string; fields: CommonFields; series: string },
): Outgoing {
  const names = new Map<string, string>()
  try {
    const json = new JsonReader(line)
    if (json.peek() !== "{") throw new HttpError(400, "invalid_message", "A message is an object.")
    json.members((from, to) => {
      const name = JSON.parse(line.slice(from, to)) as string
      names.set(name, line.slice(json.skip(), json.at))
    })
    json.end()
  } catch (error) {
    if (!(error instanceof HttpError)) throw error
    throw new OnwardError("invalid_message", `Line ${number} is not a message: ${error.message}`)
  }
  const added = {
    ...(topic !== "" && { topic }),
    ...fields,
    ...(!names.has("id") && { idempotencyKey: `${series}-${number}` }),
  }
  const missing = Object.entries(added).filter(([name]) => !names.has(name))
  const before = missing.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
  const rest = line.slice(line.indexOf("{") + 1)
  const own = names.get("topic")
  return {
    topic: own === undefined ? topic : String(JSON.parse(own)),
    json: `{${[...before, ...(names.size > 0 ? [""] : [])].join(",")}${rest}`,
  }
}

function* split(
  messages: readonly { readonly number: number; readonly outgoing: Outgoing }[],
  most: number,
): Generator<Batch> {
  let from = 0
  let chars = 0
  for (const [at, { outgoing }] of messages.entries()) {
    if (at > from && (at - from === most || chars + outgoing.json.length > MAX_CHARS)) {
      yield batchOf(messages.slice(from, at))
      from = at
      chars = 0
    }
    chars += outgoing.json.length
  }
  if (from < messages.length) yield batchOf(messages.slice(from))
}

const batchOf = (messages: readonly { readonly number: number; readonly outgoing: Outgoing }[]): Batch => ({
  messages: messages.map(({ outgoing }) => outgoing),
  first: messages[0]?.number ?? 1,
})
