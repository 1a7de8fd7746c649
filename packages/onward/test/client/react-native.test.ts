import assert from "node:assert/strict"
import { test } from "node:test"
import { setTimeout as after } from "node:timers/promises"
import type { FetchLike } from "../../src/client/index.ts"

/**
 * What React Native up to 0.86 has of the web, as its sources have it: an `AbortSignal` without `reason`, `throwIfAborted`, `any` and `timeout`, a
 * `URL` that adds a slash and knows no parts, a `self` that hears nothing; no `EventTarget`, no `DOMException`, no `location`.
 */
function strip(): void {
  class Signal {
    aborted = false
    readonly #listeners = new Map<() => void, boolean>()
    addEventListener(_: "abort", listener: () => void): void {
      this.#listeners.set(listener, true)
    }
    removeEventListener(_: "abort", listener: () => void): void {
      this.#listeners.delete(listener)
    }
    fire(): void {
      if (this.aborted) return
      this.aborted = true
      for (const listener of this.#listeners.keys()) listener()
    }
  }
  class Controller {
    readonly signal = new Signal()
    abort(): void {
      this.signal.fire()
    }
  }
  class BareUrl {
    readonly href: string
    constructor(url: string) {
      this.href = url.endsWith("/") ? url : `${url}/`
    }
    toString(): string {
      return this.href
    }
    get origin(): string {
      throw new Error("not implemented")
    }
    get protocol(): string {
      throw new Error("not implemented")
    }
  }
  Object.defineProperty(globalThis, "navigator", { value: { product: "ReactNative" }, configurable: true })
  Object.assign(globalThis, {
    AbortController: Controller,
    AbortSignal: Signal,
    URL: BareUrl,
    self: globalThis,
  })
  for (const name of ["DOMException", "EventTarget"]) {
    Object.defineProperty(globalThis, name, { value: undefined, configurable: true })
  }
  Object.defineProperty(globalThis, "addEventListener", { value: undefined, configurable: true })
  assert.equal("reason" in new AbortController().signal, false)
}

const HEADERS = { get: (name: string) => (name === "content-type" ? "text/event-stream" : null) }

/** Answers each request with one event; the first is cut behind it, the others stay open until their signal ends them. */
function createFetch() {
  const asked: { url: string; id: string | undefined }[] = []
  const fetch: FetchLike = (url, { signal, headers }) => {
    const n = asked.push({ url, id: headers["last-event-id"] }) - 1
    const chunks = [`id: ${n}\ndata: ${n}\n\n`]
    const read = (): Promise<{ done: boolean; value?: Uint8Array }> =>
      new Promise((resolve, reject) => {
        const text = chunks.shift()
        if (text !== undefined) resolve({ done: false, value: new TextEncoder().encode(text) })
        else if (n === 0) reject(new TypeError("Network request failed"))
        else signal?.addEventListener("abort", () => reject(new Error("Aborted")))
      })
    const body = { getReader: () => ({ read, cancel: async () => {} }) }
    return Promise.resolve({ status: 200, url, headers: HEADERS, body })
  }
  return { fetch, asked }
}

test("a stream works with the features of React Native up to 0.86, over cuts, silence and an abort", async () => {
  const { fetch, asked } = createFetch()
  // loaded when they are first used, which takes an EventTarget
  void [Headers, Request]
  strip()
  const { stream, EventSource } = await import("../../src/client/index.ts")
  assert.equal(typeof EventSource, "function", "the module loads without EventTarget")

  const codes: string[] = []
  const aborting = new AbortController()
  const url = "https://a.example/events?topic=a"
  const events = stream(url, {
    fetch,
    retry: { base: 1 },
    idleTimeout: 200,
    reconnectingAfter: 0,
    signal: aborting.signal,
    onStatus: (status) => status.state === "reconnecting" && codes.push(status.error.code),
  })
  const data: string[] = []
  const read = async (): Promise<void> => {
    for await (const event of events) {
      data.push(event.data)
      if (data.length === 3) aborting.abort()
    }
  }
  await assert.rejects(read(), { name: "AbortError" })
  assert.deepEqual(data, ["0", "1", "2"])
  assert.deepEqual(codes, ["network_error", "idle_timeout"])
  assert.deepEqual(asked, [
    { url, id: undefined },
    { url, id: "0" },
    { url, id: "1" },
  ])
  // nothing loops behind it
  await after(50)
  assert.equal(asked.length, 3)

  const whole = { status: 200, url: "", headers: HEADERS }
  const notStreaming = stream(url, { fetch: () => Promise.resolve(whole as never) })
  await assert.rejects(notStreaming.next(), { code: "invalid_request", message: /pollingFetch/ })
  const other = stream("localhost:3000", { fetch: () => Promise.reject(new TypeError("Network request failed")) })
  await assert.rejects(other.next(), { code: "invalid_request" })
})
