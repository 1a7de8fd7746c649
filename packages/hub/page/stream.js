import { stream } from "./onward/client/index.js"

export const randomName = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("")

/** This tab's id, with which the hub finds the tab's connections. */
export const tab = randomName()

/**
 * Opens a stream of the hub until the page closes. It pauses while the tab is hidden, because a browser opens at most six HTTP/1.1
 * connections to a site for all tabs. `handlers` are by event name; `options` are those of the library's `stream`.
 *
 * @param {string} path
 * @param {[string, string][]} query
 * @param {Record<string, (event: import("onward/client").StreamEvent) => void>} handlers
 * @param {(state: "connecting" | "open" | "lost" | "paused" | "failed") => void} onState
 */
export function openStream(path, query, handlers, onState = () => {}, options = {}) {
  const url = `${path}?${new URLSearchParams([...query, ["tab", tab]])}`
  let events
  let lastEventId = ""

  async function follow() {
    const mine = stream(url, {
      lastEventId,
      whenHidden: "pause",
      retry: { max: 5_000 },
      onStatus({ state }) {
        if (mine === events) onState(state === "reconnecting" ? "lost" : state)
      },
      ...options,
    })
    events = mine
    for await (const event of mine) {
      lastEventId = event.id
      handlers[event.event]?.(event)
      // for code outside the page's modules
      dispatchEvent(new CustomEvent("onward", { detail: { ...event, url } }))
    }
  }

  const opened = {
    get lastEventId() {
      return lastEventId
    },
    get isOpen() {
      return events?.status.state === "open"
    },
    /** Disconnects until `resume`. */
    pause() {
      const mine = events
      events = undefined
      mine?.close()
      onState("paused")
    },
    resume() {
      if (events) return
      // the error was already reported as a state
      follow().catch(() => {})
    },
    /** Closes the stream. */
    close() {
      const mine = events
      events = undefined
      mine?.close()
    },
  }
  opened.resume()
  return opened
}
