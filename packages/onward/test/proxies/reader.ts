import { setTimeout as sleep } from "node:timers/promises"
import { OnwardError, stream, type StreamOptions } from "../../src/client/node.ts"
import type { Stage } from "./stage.ts"

/** How long anything that must happen may take before a check says that it does not, in ms. */
export const PATIENCE = 10_000

/** What Onward's client got so far. */
export interface Reader {
  readonly data: string[]
  /** When each of them came, by `performance.now()`. */
  readonly times: number[]
  /** How often the head of an answer came, and what the last said of how its body is encoded. */
  readonly opens: number
  readonly encoding: string | null
  /** How it ended, once it has: "end", or the code of its error. */
  readonly ending: string | undefined
  leave(): void
}

/** Reads a stream until the check is over. */
export function read({ after }: Pick<Stage, "after">, url: string, options: StreamOptions = {}): Reader {
  const data: string[] = []
  const times: number[] = []
  let opens = 0
  let encoding: string | null = null
  let ending: string | undefined
  const events = stream(url, {
    retry: { base: 20, max: 200 },
    // whether a proxy holds the stream is what is asked; giving up on it would be an answer to nothing
    idleTimeout: 60_000,
    ...options,
    onStatus(status) {
      if (status.state !== "open") return
      opens++
      encoding = status.response?.headers.get("content-encoding") ?? null
    },
  })

  async function take(): Promise<void> {
    for await (const event of events) {
      times.push(performance.now())
      data.push(event.event === "message" ? event.data : event.event)
    }
  }

  take().then(
    () => (ending = "end"),
    (error: unknown) => (ending = error instanceof OnwardError ? error.code : String(error)),
  )
  const leave = (): void => events.close()
  after(leave)
  return {
    data,
    times,
    get opens() {
      return opens
    },
    get encoding() {
      return encoding
    },
    get ending() {
      return ending
    },
    leave,
  }
}

/** Waits until something is so; resolves to whether it ever was. */
export async function holds(isSo: () => boolean, limit: number = PATIENCE): Promise<boolean> {
  for (const end = performance.now() + limit; !isSo(); await sleep(5)) if (performance.now() > end) return false
  return true
}

/** The same, where anything else is a failure of the check itself. */
export async function must(what: string, isSo: () => boolean): Promise<void> {
  if (!(await holds(isSo))) throw new Error(`waited in vain: ${what}`)
}
