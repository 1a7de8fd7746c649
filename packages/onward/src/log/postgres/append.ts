import type { Clock } from "../../clock.ts"
import type { StoredMessage } from "../../message.ts"
import type { Appended } from "../log.ts"
import { formatPosition } from "../driver/position.ts"
import { sizeOf, type Limits } from "../driver/retention.ts"
import type { Run } from "./connection.ts"
import { arrayOf, toText } from "./text.ts"

export interface Append {
  readonly schema: string
  /** The clock for the time of entries. Undefined: the clock of the server. */
  readonly clock: Clock | undefined
  /** Undefined: this append does not apply retention. */
  readonly limits: Limits | undefined
  /** How long the server waits for other appends, in milliseconds. Undefined: the setting of the connection. */
  readonly lockTimeout: number | undefined
  /** The channel of NOTIFY. Undefined: no notification. */
  readonly channel: string | undefined
}

interface AppendResult {
  readonly epoch: string
  readonly previous: number
  readonly last: number
  readonly time: number
  /** Absent when all messages were stored. */
  readonly sequences: number[] | null
  readonly behind: boolean
}

/** Stores calls in one statement. Returns the result of each, the newest position, and whether retention has more to remove. */
export async function appendTo(
  run: Run,
  calls: readonly (readonly StoredMessage[])[],
  { schema, clock, limits, lockTimeout, channel }: Append,
): Promise<{ appended: Appended[]; newest: string; isBehind: boolean }> {
  const messages = calls.flat()
  const texts = (name: "event" | "id" | "idempotencyKey"): string | null => {
    if (messages.every((message) => message[name] === undefined)) return null
    return arrayOf(messages.map(({ [name]: text }) => (text === undefined ? undefined : toText(text))))
  }
  const [row] = await run(
    `SELECT ${schema}.append($1::text::integer[], $2::text::text[], $3::text::text[], $4::text::text[], $5::text::text[],
      $6::text::text[], $7::text::float8[], $8::text::integer[], $9::text::float8, $10::text::float8[], $11::text::integer, $12::text)`,
    [
      arrayOf(calls.map(({ length }) => length)),
      arrayOf(messages.map(({ topic }) => topic)),
      arrayOf(messages.map(({ data }) => toText(data))),
      texts("event"),
      texts("id"),
      texts("idempotencyKey"),
      messages.every(({ retry }) => retry === undefined) ? null : arrayOf(messages.map(({ retry }) => retry)),
      arrayOf(messages.map(({ topic, data, event, id, idempotencyKey: key }) => sizeOf(topic, data, event, id, key))),
      clock ? String(clock.now()) : null,
      limits ? limitsText(limits) : null,
      lockTimeout === undefined ? null : String(lockTimeout),
      channel ?? null,
    ],
  )
  const result = JSON.parse(row?.[0] as string) as AppendResult
  return { appended: split(calls, result), newest: formatPosition(result.epoch, result.last), isBehind: result.behind }
}

/** Encodes limits for the functions of the schema. */
export const limitsText = ({ count, bytes, age, topicCount, topicBytes }: Limits): string =>
  arrayOf([count, bytes, age, topicCount, topicBytes])

function split(
  calls: readonly (readonly StoredMessage[])[],
  { epoch, previous, time, sequences }: AppendResult,
): Appended[] {
  let at = 0
  let last = previous
  return calls.map(({ length }) => {
    const mine = sequences?.slice(at, at + length) ?? Array.from({ length }, (_, i) => previous + at + i + 1)
    at += length
    const before = last
    for (const one of mine) last = Math.max(last, one)
    return { positions: mine.map((one) => formatPosition(epoch, one)), previous: formatPosition(epoch, before), time }
  })
}
