import { useEffect, useMemo, useState, useSyncExternalStore } from "react"
import type { StreamEvent, StreamOptions, StreamStatus, TypedStreamEvent, TypedStreamOptions } from "../client/index.ts"
import type { EventSchemas } from "../events.ts"
import { createStore, type Snapshot, type StoreOptions } from "./store.ts"

export interface UseOptions<Data, Selected> {
  /** A new key starts a new stream, like a new URL does. Use it for other values that decide what the stream carries. */
  readonly key?: string | number
  /** Selects the part of the data that the component uses. It renders when that part changes. @default all data */
  readonly select?: (data: Data) => Selected
}

/** Options of a hook whose data is the latest event. */
export interface LatestOptions<Event, Selected> extends UseOptions<Event | undefined, Selected> {
  readonly initial?: undefined
  readonly reduce?: undefined
}

/** Options of a hook whose data is computed from all events. */
export interface FoldOptions<Event, Data, Selected> extends UseOptions<Data, Selected> {
  /** The data before the first event, and on a server. */
  readonly initial: Data
  /** Returns the data after an event. It must be pure, and limit data that grows. */
  readonly reduce: (data: Data, event: Event) => Data
}

export interface EventStreamState<Data> {
  readonly data: Data
  /** "idle" while the URL is null; "connecting" from the first render, on a server too. */
  readonly status: StreamStatus["state"]
  /** Why the stream reconnects or failed. */
  readonly error: Error | undefined
  /** The id up to which `data` has all events. Store both to resume later. */
  readonly lastEventId: string
  /** Reconnects after the last event: at once, or after the stream failed, ended or was closed. The data stays. */
  readonly reconnect: () => void
  /** Closes the stream. The data stays. */
  readonly close: () => void
}

/**
 * The data of an event stream, which is open while the component is mounted. Another URL or `key` starts another stream, with `initial`;
 * a URL of null opens no stream. Other options may change at each render: the latest functions are called, other values apply from the next
 * connection on.
 *
 * @example
 * const { data, status } = useEventStream("/events", { initial: 0, reduce: (count) => count + 1 })
 */
export function useEventStream<const S extends EventSchemas, Data, Selected = Data>(
  url: string | URL | null,
  options: TypedStreamOptions<S> & FoldOptions<TypedStreamEvent<S>, Data, Selected>,
): EventStreamState<Selected>
export function useEventStream<const S extends EventSchemas, Selected = TypedStreamEvent<S> | undefined>(
  url: string | URL | null,
  options: TypedStreamOptions<S> & LatestOptions<TypedStreamEvent<S>, Selected>,
): EventStreamState<Selected>
export function useEventStream<Data, Selected = Data>(
  url: string | URL | null,
  options: StreamOptions & FoldOptions<StreamEvent, Data, Selected>,
): EventStreamState<Selected>
export function useEventStream<Selected = StreamEvent | undefined>(
  url: string | URL | null,
  options?: StreamOptions & LatestOptions<StreamEvent, Selected>,
): EventStreamState<Selected>
export function useEventStream(
  url: string | URL | null,
  options: StoreOptions & UseOptions<never, unknown> = {},
): EventStreamState<unknown> {
  const { key, select } = options
  const href = url === null ? null : String(url)
  const [held, hold] = useState(() => createStore(href, key, options))
  let store = held
  if (store.url !== href || store.key !== key) hold((store = createStore(href, key, options)))
  useEffect(() => store.use(options))
  const getSnapshot = useMemo(() => selecting(store.snapshot, select), [store, select])
  const shown = useSyncExternalStore(store.subscribe, getSnapshot, getSnapshot)
  return { ...shown, reconnect: store.reconnect, close: store.close }
}

/** Returns the same object until a value that the component renders has changed. */
function selecting(look: () => Snapshot, select: (data: never) => unknown = (data) => data): () => Snapshot {
  let seen: Snapshot | undefined
  let given: Snapshot | undefined
  return () => {
    const next = look()
    if (given && next === seen) return given
    seen = next
    const data = select(next.data as never)
    const isSame =
      given && Object.is(given.data, data) && given.status === next.status && Object.is(given.error, next.error)
    return isSame && given ? given : (given = { ...next, data })
  }
}
