/** This tab's name, so that the hub knows which connections are its. */
export const tab = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) =>
  byte.toString(16).padStart(2, "0"),
).join("")

/** Browsers keep six HTTP/1.1 connections to a site, for all its tabs: one that nobody looks at for this long gives up its own. */
const HIDDEN_MS = 30_000

/**
 * The browser's own EventSource, with what it leaves out: it knows the last id, comes back also after an answer that is an
 * error, and makes room while the tab is hidden. `handlers` are by event name.
 *
 * @param {string} path
 * @param {[string, string][]} query
 * @param {Record<string, (event: MessageEvent) => void>} handlers
 * @param {(state: "connecting" | "open" | "lost" | "paused", failures: number) => void} onState
 */
export function openStream(path, query, handlers, onState = () => {}) {
  let source
  let lastId = ""
  let failures = 0
  let timer

  function connect() {
    clearTimeout(timer)
    const params = new URLSearchParams([...query, ["tab", tab]])
    // once there is a place to carry on from, it counts, whatever the beginning was
    if (lastId !== "") params.set("last_event_id", lastId)
    const mine = new EventSource(`${path}?${params}`)
    source = mine
    mine.addEventListener("open", () => {
      failures = 0
      onState("open", 0)
    })
    mine.addEventListener("error", () => {
      if (mine !== source) return
      // after a status other than 200 an EventSource gives up for good
      if (mine.readyState === EventSource.CLOSED) timer = setTimeout(connect, Math.min(30_000, 1_000 * 2 ** failures++))
      onState("lost", failures)
    })
    for (const [name, handle] of Object.entries(handlers)) {
      mine.addEventListener(name, (event) => {
        if (mine !== source) return
        lastId = event.lastEventId
        handle(event)
      })
    }
  }

  const stream = {
    get lastId() {
      return lastId
    },
    get isOpen() {
      return source?.readyState === EventSource.OPEN
    },
    pause() {
      clearTimeout(timer)
      source?.close()
      source = undefined
      onState("paused", 0)
    },
    resume() {
      if (source) return
      onState("connecting", 0)
      connect()
    },
    /** Closes for good. */
    close() {
      clearTimeout(timer)
      clearTimeout(hiding)
      document.removeEventListener("visibilitychange", onVisibility)
      source?.close()
      source = undefined
    },
  }

  let hiding
  let isHidden = false
  function onVisibility() {
    clearTimeout(hiding)
    if (document.hidden) {
      hiding = setTimeout(() => {
        if (!source) return
        isHidden = true
        stream.pause()
      }, HIDDEN_MS)
    } else if (isHidden) {
      isHidden = false
      stream.resume()
    }
  }
  document.addEventListener("visibilitychange", onVisibility)
  connect()
  return stream
}
