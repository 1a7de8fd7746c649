import { systemClock } from "../../clock.ts"
import type { Position } from "../../message.ts"
import { formatPosition } from "../driver/position.ts"
import type { Connection } from "./client.ts"

/** How long one call waits for news, in milliseconds; then watchers are woken all the same, because hints can be lost. */
const BLOCK = 2000

/** How long to wait before trying again, in milliseconds. */
const PAUSE = 100

/**
 * Waits for news on a connection of its own, which blocks, and wakes at every one, after every trouble, and now and then for
 * nothing. The stream `…:wake` holds one small entry, so that waiting for news does not fetch what is new.
 */
export function listen(connection: Connection, key: string, wake: (newest?: Position) => void): () => void {
  const ending = new AbortController()
  const over = new Promise<"over">((resolve) => ending.signal.addEventListener("abort", () => resolve("over")))
  const wait = (delay: number): Promise<"late" | "over"> =>
    Promise.race([over, new Promise<"late">((resolve) => void systemClock.after(delay, () => resolve("late")))])
  let reader = connection.duplicate()

  async function ask(after: string): Promise<News | "failed" | "late" | "over"> {
    while (!reader.isReady()) if ((await wait(PAUSE)) === "over") return "over"
    const words = ["XREAD", "COUNT", "1", "BLOCK", String(BLOCK), "STREAMS", `${key}:wake`, after]
    const answer = reader.send(key, words).then(newsOf, () => "failed" as const)
    return Promise.race([answer, wait(BLOCK * 2)])
  }

  async function follow(): Promise<void> {
    // a place before everything: what the stream holds now may be news already
    let at = "0-0"
    for (;;) {
      const outcome = await ask(at)
      if (outcome === "late") {
        // a connection that does not even say that nothing came is dead
        reader.end()
        reader = connection.duplicate()
      }
      if (outcome === "over" || (outcome === "failed" && (await wait(PAUSE)) === "over")) return
      at = typeof outcome === "object" ? outcome.at : "0-0"
      wake(typeof outcome === "object" ? outcome.position : undefined)
    }
  }
  void follow()
  return () => {
    ending.abort()
    reader.end()
  }
}

interface News {
  readonly at: string
  readonly position: Position | undefined
}

/**
 * `[[stream, entries]]`; with RESP 3 a map, which ioredis gives as `[stream, entries]`; null when nothing came. There is one
 * entry: `[id, [name, epoch]]`.
 */
function newsOf(reply: unknown): News {
  if (reply === null) return { at: "0-0", position: undefined }
  const [stream, named] = Array.isArray(reply) ? reply : [Object.entries(Object(reply))[0]]
  const entries = (Array.isArray(stream) ? stream[1] : named) as [[id: string, fields: [name: string, epoch: string]]]
  const [[id, [, epoch]]] = entries
  return { at: id, position: formatPosition(epoch, Number.parseInt(id, 10)) }
}
