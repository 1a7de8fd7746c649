import { HttpError } from "./http-error.ts"

export interface QuotaOptions {
  /** Bytes that all bodies may hold at once. */
  readonly totalBytes: number
  /** Bytes that the bodies of one caller may hold at once. */
  readonly shareBytes: number
  /** How long an unfinished body may bring less than 16 KiB, in ms. @default 10_000 */
  readonly stallTimeout?: number
  /** The same while others wait for its room, in ms. @default 1_000 */
  readonly graceTimeout?: number
  /** Tells the time in ms, from any beginning. @default performance.now */
  readonly now?: () => number
}

/** What an unfinished body has to bring in time to count as moving, in bytes; slower ones are cut off. */
const PROGRESS_BYTES = 16_384

/** Memory that the bodies of all callers share. */
export interface Quota {
  /** Opens the account of one body. `onRefused` is called when it has brought too little in time: its room is given back already. */
  open(caller: string, onRefused: (error: HttpError) => void): Account
}

/** What one body holds. */
export interface Account {
  /** Takes room for bytes that arrived. Throws `HttpError` 429 beyond the caller's share, 503 beyond what all callers share. */
  take(bytes: number): void
  /** The body has arrived whole: it is waited for no longer, and holds its room until `release`. */
  settle(): void
  /** Gives its room back; more than once is fine. */
  release(): void
}

interface Caller {
  bytes: number
  /** Unfinished bodies, the one that moved longest ago first. */
  readonly unfinished: Set<Body>
}

interface Body {
  readonly caller: Caller
  movedAt: number
  refuse(): void
}

/**
 * Divides memory among callers. A body that stalls loses its room: after a second when another caller needs it, else after ten. So half-sent
 * bodies, however many, hold up others for a second at most.
 */
export function createQuota(options: QuotaOptions): Quota {
  const { totalBytes, shareBytes, stallTimeout = 10_000, graceTimeout = 1_000, now = () => performance.now() } = options
  const callers = new Map<string, Caller>()
  const unfinished = new Set<Body>()
  let total = 0
  let timer: NodeJS.Timeout | undefined

  const isFull = (): boolean => total > totalBytes

  /** Refuses the body that moved longest ago, if that is long enough ago. */
  function refuseStalest(bodies: ReadonlySet<Body>, patience: number): boolean {
    const [body] = bodies
    if (!body || now() - body.movedAt < patience) return false
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
              `Your requests hold more than ${shareBytes} bytes at once. Wait for an answer before you send more.`,
              { "retry-after": "1" },
            )
          }
          while (isFull() && refuseStalest(unfinished, graceTimeout));
          if (isFull()) {
            throw new HttpError(503, "busy", "Too many large requests are handled at once. Try again later.", {
              "retry-after": "1",
            })
          }
        },
      }
    },
  }
}
