// A service worker that answers for its pages with what the network gives, as most do.
interface ExtendedEvent extends Event {
  waitUntil(promise: Promise<unknown>): void
}
interface FetchEvent extends Event {
  readonly request: Request
  respondWith(response: Promise<Response>): void
}
const scope = globalThis as unknown as EventTarget & {
  skipWaiting(): Promise<void>
  readonly clients: { claim(): Promise<void> }
}

scope.addEventListener("install", () => void scope.skipWaiting())
scope.addEventListener("activate", (event) => (event as ExtendedEvent).waitUntil(scope.clients.claim()))
scope.addEventListener("fetch", (event) => {
  const { request, respondWith } = event as FetchEvent
  respondWith.call(event, fetch(request))
})
