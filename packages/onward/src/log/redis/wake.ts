import { systemClock } from "../../clock.ts"
import type { Position } from "../../message.ts"
import { formatPosition } from "../position.ts"
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
  let isOver = false
  let ending = (): void => {}
  const over = new Promise<undefined>((resolve) => (ending = () => resolve(undefined)))
  const after = (delay: number): Promise<undefined> =>
    new Promise((resolve) => void systemClock.after(delay, () => resolve(undefined)))
  let reader: Connection | undefined

  async function follow(): Promise<void> {
    // a place before everything: what the stream holds now may be news already
    let at = "0-0"
    while (!isOver) {
      reader ??= connection.duplicate()
      const current = reader
      while (!isOver && !current.isReady()) await Promise.race([after(PAUSE), over])
      const asked = current.send(key, ["XREAD", "COUNT", "1", "BLOCK", String(BLOCK), "STREAMS", `${key}:wake`, at])
      const outcome = await Promise.race([asked.then(newsOf, () => "failed" as const), after(BLOCK * 2), over])
      if (isOver) return
      if (outcome === undefined) {
        // a connection that does not even say that nothing came is dead
        reader = undefined
        current.end()
      } else if (outcome === "failed") {
        await Promise.race([after(PAUSE), over])
      }
      if (isOver) return
      if (typeof outcome === "object" && outcome.position !== undefined) {
        at = outcome.at
        wake(outcome.position)
      } else {
        at = "0-0"
        wake()
      }
    }
  }
  void follow()
  return () => {
    isOver = true
    ending()
    reader?.end()
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
