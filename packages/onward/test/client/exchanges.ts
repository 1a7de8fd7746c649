import type { FetchInit, FetchLike } from "../../src/client/index.ts"

/** A request of a client without a network, and its response, which a test writes. */
export interface Exchange {
  readonly url: string
  readonly init: FetchInit
  readonly at: number
  /** Sends the head of a response; by default that of an event stream. */
  open(status?: number, headers?: Readonly<Record<string, string>>): void
  write(text: string): void
  end(): void
  /** The network fails. */
  fail(): void
  readonly isCancelled: boolean
}

/** A `fetch` whose requests wait for a test. Like some, it does not look at the signal. */
export function createExchanges(now: () => number): { readonly fetch: FetchLike; readonly requests: Exchange[] } {
  const requests: Exchange[] = []
  return {
    requests,
    fetch(url, init) {
      const head = Promise.withResolvers<Response>()
      let isCancelled = false
      let body!: ReadableStreamDefaultController<Uint8Array>
      const stream = new ReadableStream<Uint8Array>({
        start: (controller) => void (body = controller),
        cancel: () => void (isCancelled = true),
      })
      requests.push({
        url,
        init,
        at: now(),
        open: (status = 200, headers = {}) =>
          head.resolve(new Response(stream, { status, headers: { "content-type": "text/event-stream", ...headers } })),
        write: (text) => body.enqueue(new TextEncoder().encode(text)),
        end: () => body.close(),
        fail() {
          head.reject(new Error("reset"))
          body.error(new Error("reset"))
        },
        get isCancelled() {
          return isCancelled
        },
      })
      return head.promise
    },
  }
}
