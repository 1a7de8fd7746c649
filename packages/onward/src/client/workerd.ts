import {
  EventSource as BrowserEventSource,
  stream as openStream,
  type EventSourceOptions,
  type FetchLike,
} from "./index.ts"

export * from "./index.ts"

/** workerd encodes header values as UTF-8; `fetch` elsewhere sends each character as one byte. */
const workerdFetch: FetchLike = (url, init) => {
  const id = init.headers["last-event-id"]
  if (id === undefined) return fetch(url, init)
  const decoded = new TextDecoder().decode(Uint8Array.from(id, (char) => char.charCodeAt(0)))
  return fetch(url, { ...init, headers: { ...init.headers, "last-event-id": decoded } })
}

/** The standard `EventSource` for Cloudflare Workers. */
export class EventSource extends BrowserEventSource {
  constructor(url: string | URL, options?: EventSourceOptions) {
    super(url, { fetch: workerdFetch, ...options })
  }
}

// an `EventTarget` of workerd calls its `on…` handlers itself: as listeners, they would be called twice
for (const type of ["onopen", "onmessage", "onerror"]) {
  const handlers = new WeakMap<EventSource, unknown>()
  Object.defineProperty(EventSource.prototype, type, {
    enumerable: true,
    configurable: true,
    get(this: EventSource) {
      return handlers.get(this) ?? null
    },
    set(this: EventSource, handler: unknown) {
      handlers.set(this, typeof handler === "function" ? handler : null)
    },
  })
}

/** Opens an event stream that reconnects and resumes, in Cloudflare Workers. */
export const stream: typeof openStream = (url: string | URL, options?: object) =>
  openStream(url, { fetch: workerdFetch, ...options })
