import type { Clock } from "../../clock.ts"
import type { StoredMessage } from "../../message.ts"
import type { Appended } from "../log.ts"
import { formatPosition } from "../driver/position.ts"
import { sizeOf, type Limits } from "../driver/retention.ts"
import type { Run } from "./connection.ts"
import { arrayOf, toText } from "./text.ts"

export interface Append {
  readonly schema: string
  /** Gives entries their time; undefined leaves it to the server. */
  readonly clock: Clock | undefined
  /** Undefined leaves retention to others. */
  readonly limits: Limits | undefined
  /** How long the server waits for others who append, in milliseconds; undefined leaves it as it is. */
  readonly wait: number | undefined
  /** Who is told of the append. */
  readonly channel: string | undefined
}

interface Answer {
  readonly epoch: string
  readonly previous: number
  readonly last: number
  readonly time: number
  /** Absent when all messages were stored. */
  readonly sequences: number[] | null
  readonly behind: boolean
}

/** Stores calls in one statement, and tells of each what became of it, and whether retention has more to do. */
export async function appendTo(
  run: Run,
  calls: readonly (readonly StoredMessage[])[],
  { schema, clock, limits, wait, channel }: Append,
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
      wait === undefined ? null : String(wait),
      channel ?? null,
    ],
  )
  const answer = JSON.parse(row?.[0] as string) as Answer
  return { appended: split(calls, answer), newest: formatPosition(answer.epoch, answer.last), isBehind: answer.behind }
}

/** Limits as the functions of the schema take them. */
export const limitsText = ({ count, bytes, age, topicCount, topicBytes }: Limits): string =>
  arrayOf([count, bytes, age, topicCount, topicBytes])

function split(calls: readonly (readonly StoredMessage[])[], { epoch, previous, time, sequences }: Answer): Appended[] {
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
