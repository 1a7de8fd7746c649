import { byId, show } from "../page/elements.js"
import { stream } from "../page/onward/client/index.js"
import { call, HEADERS } from "./api.js"

const STATES = {
  connecting: "Connecting",
  open: "Live",
  reconnecting: "Disconnected, reconnecting",
  paused: "Paused",
  failed: "Refused",
  ended: "Ended",
}
const listeners = new Set()
let events
/** The last events, for views that are opened later. */
const last = {}

async function follow(mine) {
  for await (const { event, data } of mine) {
    const value = JSON.parse(data)
    last[event] = value
    for (const listener of listeners) listener(event, value)
  }
}

/** The numbers of the hub, once a second: events `history` and `stats`. */
export const feed = {
  start() {
    events ??= stream("/admin/live", {
      headers: HEADERS,
      whenHidden: "pause",
      retry: { max: 5_000 },
      onStatus({ state }) {
        byId("feed").dataset.state = state
        show("feed-text", STATES[state] ?? "Connecting")
      },
    })
    follow(events).catch(() => {
      // a refusal, which the next request explains: the session can be over
      call("/admin/about").catch(() => {})
    })
  },
  stop() {
    events?.close()
    events = undefined
  },
  /** Calls `listener(event, value)`, at once with the last ones. Returns a function that ends it. */
  subscribe(listener) {
    listeners.add(listener)
    for (const event of ["history", "stats"]) if (event in last) listener(event, last[event])
    return () => void listeners.delete(listener)
  },
}
