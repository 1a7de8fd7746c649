import { HttpError } from "./http-error.ts"

export interface QuotaOptions {
  /** Maximum size of all bodies at once, in bytes. */
  readonly totalBytes: number
  /** Maximum size of one caller's bodies at once, in bytes. */
  readonly shareBytes: number
  /** Maximum time in which an incomplete body brings less than 16 KiB, in ms. @default 10_000 */
  readonly stallTimeout?: number
  /** The same timeout while another body needs the memory, in ms. @default 1_000 */
  readonly graceTimeout?: number
  /** Returns a monotonic time, in ms. @default performance.now */
  readonly now?: () => number
}

/** Bytes that an incomplete body must bring within a timeout. */
const PROGRESS_BYTES = 16_384

/** Memory that the bodies of all callers share. */
export interface Quota {
  /** Opens the account of one body. `onRefused` is called when the body stalls; its memory is then already released. */
  open(caller: string, onRefused: (error: HttpError) => void): Account
}

/** The memory of one body. */
export interface Account {
  /** Reserves memory for bytes that arrived. Throws `HttpError` 429 above the caller's share, 503 above the total. */
  take(bytes: number): void
  /** Marks the body as complete. It keeps its memory until `release`, and has no timeout. */
  settle(): void
  /** Releases the memory. Further calls do nothing. */
  release(): void
}

interface Caller {
  bytes: number
  /** Incomplete bodies, the stalest first. */
  readonly unfinished: Set<Body>
}

interface Body {
  readonly caller: Caller
  movedAt: number
  refuse(): void
}

/**
 * Divides memory among callers. A body that stalls loses its memory: after a second if another caller needs it, otherwise after ten seconds. So
 * any number of incomplete bodies delay others by at most a second.
 */
export function createQuota(options: QuotaOptions): Quota {
  const { totalBytes, shareBytes, stallTimeout = 10_000, graceTimeout = 1_000, now = () => performance.now() } = options
  const callers = new Map<string, Caller>()
  const unfinished = new Set<Body>()
  let total = 0
  let timer: NodeJS.Timeout | undefined

  const isFull = (): boolean => total > totalBytes

  /** Refuses the stalest body, if it has been stalled for the timeout. */
  function refuseStalest(bodies: ReadonlySet<Body>, timeout: number): boolean {
    const [body] = bodies
    if (!body || now() - body.movedAt < timeout) return false
    body.refuse()
    return true
  }

  function watch(): void {
    timer ??= setInterval(() => {
      while (refuseStalest(unfinished, stallTimeout));
      if (unfinished.size > 0) return
      clearInterval(timer)
      timer = undefined
    }, stallTimeout / 10).unref()
  }

  return {
    open(name, onRefused) {
      const caller = callers.get(name) ?? { bytes: 0, unfinished: new Set() }
      callers.set(name, caller)
      let held = 0
      let arrived = 0
      const body: Body = {
        caller,
        movedAt: now(),
        refuse() {
          release()
          onRefused(new HttpError(408, "body_stalled", "The body arrives too slowly. Send it again in one go."))
        },
      }

      function list(): void {
        for (const bodies of [unfinished, caller.unfinished]) {
          bodies.delete(body)
          bodies.add(body)
        }
      }

      function settle(): void {
        unfinished.delete(body)
        caller.unfinished.delete(body)
      }

      function release(): void {
        settle()
        caller.bytes -= held
        total -= held
        held = 0
        if (caller.bytes === 0 && caller.unfinished.size === 0 && callers.get(name) === caller) callers.delete(name)
      }

      list()
      watch()
      return {
        settle,
        release,
        take(bytes) {
          held += bytes
          caller.bytes += bytes
          total += bytes
          arrived += bytes
          if (arrived >= PROGRESS_BYTES) {
            arrived = 0
            body.movedAt = now()
            list()
          }
          while (caller.bytes > shareBytes && refuseStalest(caller.unfinished, graceTimeout));
          if (caller.bytes > shareBytes) {
            throw new HttpError(
              429,
              "too_many_bodies",
              `Your requests have more than ${shareBytes} bytes at once. Wait for a response before you send more.`,
              { "retry-after": "1" },
            )
          }
          while (isFull() && refuseStalest(unfinished, graceTimeout));
          if (isFull()) {
            throw new HttpError(503, "busy", "The hub handles too many large requests. Retry later.", {
              "retry-after": "1",
            })
          }
        },
      }
    },
  }
}
