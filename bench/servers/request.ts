import type { IncomingMessage } from "node:http"
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises"

/** Calls `done` with the request's body as text. */
export function body(req: IncomingMessage, done: (text: string) => void): void {
  let text = ""
  req.setEncoding("utf8")
  req.on("data", (part: string) => (text += part))
  req.on("end", () => done(text))
}

/**
 * The source of the `tokens` scenario, as a model's stream would hand them out: `n` tokens, one each turn of the event loop
 * (`ms=0`) or each `ms` milliseconds. Every server gets the same one.
 */
export async function* tokens(url: string): AsyncGenerator<string> {
  const query = new URL(url, "http://localhost").searchParams
  const count = Number(query.get("n"))
  const delay = Number(query.get("ms"))
  for (let i = 1; i <= count; i++) {
    await (delay > 0 ? sleep(delay) : turn())
    yield `{"s":${i},"t":${process.hrtime.bigint()},"p":" tok"}`
  }
}
