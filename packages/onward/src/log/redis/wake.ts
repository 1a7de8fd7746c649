import { systemClock } from "../../clock.ts"
import type { Position } from "../../message.ts"
import { formatPosition } from "../driver/position.ts"
import type { Connection } from "./client.ts"

/** How long one call waits for new entries, in milliseconds. Then watchers are woken in any case, because a hint can be lost. */
const BLOCK = 2000

/** Pause before a retry, in milliseconds. */
const PAUSE = 100

/**
 * Waits for new entries on its own blocking connection. Calls `wake` for each, after every error, and periodically without a
 * reason. The stream `…:wake` has one small entry, so that waiting does not fetch the new entries. Returns a function that stops it.
 */
export function listen(connection: Connection, key: string, wake: (newest?: Position) => void): () => void {
  const ending = new AbortController()
  const stopped = new Promise<"stopped">((resolve) => ending.signal.addEventListener("abort", () => resolve("stopped")))
  const wait = (delay: number): Promise<"late" | "stopped"> =>
    Promise.race([stopped, new Promise<"late">((resolve) => void systemClock.after(delay, () => resolve("late")))])
  let reader = connection.duplicate()

  async function waitForEntry(after: string): Promise<Wake | "failed" | "late" | "stopped"> {
    while (!reader.isReady()) if ((await wait(PAUSE)) === "stopped") return "stopped"
    const words = ["XREAD", "COUNT", "1", "BLOCK", String(BLOCK), "STREAMS", `${key}:wake`, after]
    const reply = reader.send(key, words).then(wakeOf, () => "failed" as const)
    return Promise.race([reply, wait(BLOCK * 2)])
  }

  async function run(): Promise<void> {
    // before all entries: the entry that the stream has now can be new
    let at = "0-0"
    for (;;) {
      const outcome = await waitForEntry(at)
      if (outcome === "late") {
        // the server replies after `BLOCK` in any case, so this connection is dead
        reader.end()
        reader = connection.duplicate()
      }
      if (outcome === "stopped" || (outcome === "failed" && (await wait(PAUSE)) === "stopped")) return
      at = typeof outcome === "object" ? outcome.at : "0-0"
      wake(typeof outcome === "object" ? outcome.position : undefined)
    }
  }
  void run()
  return () => {
    ending.abort()
    reader.end()
  }
}

interface Wake {
  readonly at: string
  readonly position: Position | undefined
}

/**
 * Parses a reply: `[[stream, entries]]`; with RESP 3 a map, which ioredis returns as `[stream, entries]`; null without a new entry.
 * There is one entry: `[id, [name, epoch]]`.
 */
function wakeOf(reply: unknown): Wake {
  if (reply === null) return { at: "0-0", position: undefined }
  const [stream, named] = Array.isArray(reply) ? reply : [Object.entries(Object(reply))[0]]
  const entries = (Array.isArray(stream) ? stream[1] : named) as [[id: string, fields: [name: string, epoch: string]]]
  const [[id, [, epoch]]] = entries
  return { at: id, position: formatPosition(epoch, Number.parseInt(id, 10)) }
}
