import { createParser } from "onward/protocol"

export interface Rest {
  readonly isHeard: boolean
  readonly ending?: "ended" | "cut"
  /** How long it was open, in ms. */
  readonly after: number
}

/** A stream, while it is listened to. */
export interface Reading {
  /** Waits for the first bytes. */
  first(patience: number): Promise<"there" | "late">
  /** The longest silence that the server announces, in ms. */
  readonly heartbeat: number | undefined
  /**
   * Listens for so long, with `isEnough` only until it is heard again; whether it was, and how it ended, if it did. What comes within half
   * a heartbeat, or half a second, belongs to the beginning.
   */
  rest(listen: number, isEnough: boolean): Promise<Rest>
}

/** Reads the whole stream in the background, and keeps only counts. */
export function readFor(body: ReadableStream<Uint8Array>): Reading {
  const began = performance.now()
  let isThere = false
  let heardAt = began
  let heartbeat: number | undefined
  let ending: "ended" | "cut" | undefined
  let wake: (() => void) | undefined
  const parser = createParser({
    onComment(text) {
      heartbeat ??= Number(/^heartbeat (\d+)$/.exec(text)?.[1] ?? Number.NaN) || undefined
    },
    onEvent() {},
  })

  async function read(): Promise<void> {
    const reader = body.getReader()
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        isThere = true
        heardAt = performance.now()
        parser.feed(value)
        wake?.()
      }
      ending = "ended"
    } catch {
      ending = "cut"
    }
    wake?.()
  }
  void read()

  /** Until `holds`, or so many ms have passed. */
  function until(holds: () => boolean, ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        wake = undefined
        resolve(holds())
      }
      const timer = setTimeout(done, ms)
      wake = () => holds() && done()
      wake()
    })
  }

  return {
    async first(patience) {
      return (await until(() => isThere || ending !== undefined, patience)) ? "there" : "late"
    },
    get heartbeat() {
      return heartbeat
    },
    async rest(listen, isEnough) {
      const isHeard = (): boolean => heardAt - began >= (heartbeat ?? 1_000) / 2
      await until(() => ending !== undefined || (isEnough && isHeard()), listen)
      return { isHeard: isHeard(), after: performance.now() - began, ...(ending && { ending }) }
    },
  }
}
