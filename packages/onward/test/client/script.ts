import type { FaultExchange } from "./fault-exchange.ts"

/** What an attempt does, one after the other: writes a text, waits, or ends. */
export type ScriptItem =
  | string
  | { readonly wait: number }
  /** TRUNC closes the connection regularly, without the last chunk. */
  | { readonly do: "END" | "RESET" | "TRUNC" | "HANG" }

export type ScriptHeader =
  | string
  /** That time from now, as HTTP writes dates. */
  | { readonly httpDateInMs: number }
  /** A URL at the origin that was not asked. */
  | { readonly otherOrigin: string }

/** The answer to one request, as the client vectors write it down; all durations in milliseconds. */
export interface ScriptAttempt {
  readonly status: number
  readonly headers?: Readonly<Record<string, ScriptHeader>>
  readonly body?: readonly ScriptItem[]
  /** Writes texts byte by byte, with so much time between. */
  readonly drip?: number
  /** Compresses the body, flushed after each item. */
  readonly gzip?: boolean
  /** Time before the head. */
  readonly headerDelay?: number
  /** Writes so many events before the body, as fast as they are taken. */
  readonly flood?: number
}

/** So many events of a flood are written at a time. */
const BATCH = 1_000

const events = (start: number, end: number): string =>
  Array.from({ length: end - start }, (_, i) => `data: ${start + i}\n\n`).join("")

/** Answers by a script: the nth request by the nth attempt, and the last attempt ever after. */
export function play(attempts: readonly ScriptAttempt[]): (exchange: FaultExchange) => Promise<void> {
  return async (exchange) => {
    const attempt = attempts[Math.min(exchange.index, attempts.length - 1)] as ScriptAttempt
    const { status, headers = {}, body = [], drip, gzip = false, headerDelay = 0, flood = 0 } = attempt
    if (headerDelay > 0) await exchange.wait(headerDelay)
    const written = Object.entries(headers).map(([name, value]) => [name, headerOf(value, exchange)])
    await exchange.head(status, Object.fromEntries(written), { gzip })
    for (let i = 0; i < flood && !exchange.isOver; i += BATCH)
      await exchange.write(events(i, Math.min(i + BATCH, flood)))
    for (const item of body) {
      if (typeof item !== "string") await act(item, exchange)
      else if (drip === undefined) await exchange.write(item)
      else {
        for (const byte of Buffer.from(item)) {
          await exchange.write(Uint8Array.of(byte))
          await exchange.wait(drip)
        }
      }
    }
  }
}

async function act(item: Exclude<ScriptItem, string>, exchange: FaultExchange): Promise<void> {
  if ("wait" in item) await exchange.wait(item.wait)
  else if (item.do === "END") await exchange.end()
  else if (item.do === "TRUNC") exchange.cut()
  else if (item.do === "RESET") exchange.reset()
}

function headerOf(value: ScriptHeader, { otherUrl, now }: FaultExchange): string {
  if (typeof value === "string") return value
  if ("otherOrigin" in value) return new URL(value.otherOrigin, otherUrl).href
  return new Date(now() + value.httpDateInMs).toUTCString()
}
