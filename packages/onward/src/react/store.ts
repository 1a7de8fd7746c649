import { stream, type EventStream, type StreamOptions, type StreamStatus } from "../client/index.ts"
import { STREAM_OPTIONS } from "../client-options.ts"
import { systemClock } from "../clock.ts"
import { checkNames } from "../options.ts"

/** The state that a component renders. It is immutable, and replaced on a change. */
export interface Snapshot {
  readonly data: unknown
  readonly status: StreamStatus["state"]
  readonly error: Error | undefined
  readonly lastEventId: string
}

export interface StoreOptions extends StreamOptions {
  readonly initial?: unknown
  readonly reduce?: ((data: never, event: never) => unknown) | undefined
}

/** The state of a hook while its URL and key stay the same, mounted or not. */
export interface Store {
  readonly url: string | null
  readonly key: unknown
  /** Sets the options of the latest render. Its functions are used from the next call on, other options from the next connection on. */
  readonly use: (options: StoreOptions) => void
  /** Is connected while there are subscribers. */
  readonly subscribe: (onChange: () => void) => () => void
  readonly snapshot: () => Snapshot
  readonly reconnect: () => void
  readonly close: () => void
}

/** Options of the hook besides those of `stream`. */
const HOOK_OPTIONS = ["key", "select", "initial", "reduce"]

/** Minimum time between renders during a burst of events, in ms: about one frame. */
const FRAME = 16

export function createStore(url: string | null, key: unknown, first: StoreOptions): Store {
  checkNames("useEventStream", first, [...HOOK_OPTIONS, ...STREAM_OPTIONS])
  const { clock = systemClock } = first
  const listeners = new Set<() => void>()
  let options = first
  let now: Snapshot = {
    data: first.initial,
    status: url === null ? "idle" : "connecting",
    error: undefined,
    lastEventId: first.lastEventId ?? "",
  }
  let shown = now
  let shownAt = -Infinity
  let isShowing = false
  let source: EventStream<unknown> | undefined
  /** Whether `source` ends because it was closed here. */
  let isLeaving = false
  let isOver = url === null

  function change(part: Partial<Snapshot>): void {
    now = { ...now, ...part }
    if (isShowing) return
    isShowing = true
    // not by animation frames, because a page in the background has no animation frames
    const wait = shownAt + FRAME - clock.monotonic()
    if (wait > 0) clock.after(wait, show)
    else clock.turn(show)
  }

  function show(): void {
    isShowing = false
    shownAt = clock.monotonic()
    shown = now
    for (const listener of listeners) listener()
  }

  /** Connects or disconnects as required. */
  function settle(): void {
    if (isOver || listeners.size === 0) leave()
    else if (!source) void run()
  }

  /** Closes the stream. `run` first handles the events that it has received, and can then run again. */
  function leave(): void {
    isLeaving = true
    source?.close()
  }

  function onStatus(status: StreamStatus): void {
    options.onStatus?.(status)
    // the end is shown after the events before it
    if (isLeaving || status.state === "ended" || status.state === "failed") return
    change({ status: status.state, error: status.state === "reconnecting" ? status.error : undefined })
  }

  async function run(): Promise<void> {
    let end: Partial<Snapshot> = { status: "ended", error: undefined }
    isLeaving = false
    try {
      source = stream(url as string, { ...latest(() => options), lastEventId: now.lastEventId, onStatus })
      for await (const event of source) {
        const data = options.reduce ? options.reduce(now.data as never, event as never) : event
        change({ data, lastEventId: source.lastEventId })
      }
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown })
      end = { status: "failed", error }
    }
    const lastEventId = source?.lastEventId ?? now.lastEventId
    source = undefined
    isOver ||= !isLeaving
    change(isLeaving ? { lastEventId } : { ...end, lastEventId })
    settle()
  }

  return {
    url,
    key,
    use: (given) => void (options = given),
    subscribe(onChange) {
      listeners.add(onChange)
      // by then a component that StrictMode mounts twice is mounted again, so its connection stays
      queueMicrotask(settle)
      return () => {
        listeners.delete(onChange)
        queueMicrotask(settle)
      }
    },
    snapshot: () => shown,
    reconnect() {
      isOver = url === null
      if (source) leave()
      else settle()
    },
    close() {
      if (isOver) return
      isOver = true
      leave()
      change({ status: "ended", error: undefined })
    },
  }
}

/** The options of `stream`, whose functions call those of the latest render. */
function latest(look: () => StoreOptions): StreamOptions {
  const given = Object.entries(look()).filter(([name]) => !HOOK_OPTIONS.includes(name))
  const entries = given.map(([name, value]: [string, unknown]) => {
    if (typeof value !== "function") return [name, value]
    const call = (...args: unknown[]): unknown => {
      const current: unknown = look()[name as keyof StoreOptions]
      return (typeof current === "function" ? current : value)(...args) as unknown
    }
    return [name, call]
  })
  return Object.fromEntries(entries) as StreamOptions
}
