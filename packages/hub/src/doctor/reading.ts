import { createParser } from "onward/protocol"

const MAX_HEARTBEAT_MS = 3_600_000

export interface Rest {
  readonly isHeard: boolean
  readonly ending?: "ended" | "cut"
  /** How long it was open, in ms. */
  readonly after: number
}

/** A stream that is being read. */
export interface Reading {
  /** Waits for the first bytes. */
  first(timeout: number): Promise<"there" | "late">
  /** The heartbeat interval that the server announces, in ms. One longer than an hour is ignored. */
  readonly heartbeat: number | undefined
  /**
   * Listens for `listen` ms, with `isEnough` only until more bytes arrive. Bytes within half a heartbeat, or half a second, of the start do not
   * count.
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
      const announced = Number(/^heartbeat (\d+)$/.exec(text)?.[1])
      if (announced > 0 && announced <= MAX_HEARTBEAT_MS) heartbeat ??= announced
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

  /** Waits until `holds` returns true, at most `ms`. */
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
    async first(timeout) {
      return (await until(() => isThere || ending !== undefined, timeout)) ? "there" : "late"
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
