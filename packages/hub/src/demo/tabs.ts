import type { ServerResponse } from "node:http"

/** The state of one stream of a tab, at the hub's end of the socket. */
export interface StreamState {
  /** `full`: the socket is full, and the hub writes nothing until the browser reads. */
  readonly state: "live" | "full"
  /** Bytes that this process buffers for the stream. */
  readonly waiting: number
}

/** The streams of each open tab, by the name that the tab chose. */
export interface Tabs {
  /** Whether a tab is open, or was open half a minute ago. */
  readonly isWatched: boolean
  add(tab: string | null, name: string, res: ServerResponse): void
  /** Cuts a tab's connections without an end, like a network failure. Returns how many. */
  cut(tab: string | null): number
  stateOf(tab: string | null, name: string): StreamState | undefined
}

/** Time that samples continue after the last tab disconnects, in ms, for a tab that reconnects or reloads. */
const LINGER_MS = 30_000

export function createTabs(): Tabs {
  const tabs = new Map<string, Map<ServerResponse, string>>()
  let leftAt = -Infinity

  return {
    get isWatched() {
      return tabs.size > 0 || performance.now() - leftAt < LINGER_MS
    },
    add(tab, name, res) {
      if (tab === null || !/^[\w-]{1,64}$/.test(tab)) return
      const streams = tabs.get(tab) ?? new Map<ServerResponse, string>()
      tabs.set(tab, streams.set(res, name))
      res.once("close", () => {
        streams.delete(res)
        if (streams.size > 0 || tabs.get(tab) !== streams) return
        tabs.delete(tab)
        leftAt = performance.now()
      })
    },
    cut(tab) {
      const streams = [...(tabs.get(tab ?? "")?.keys() ?? [])]
      for (const res of streams) res.destroy()
      return streams.length
    },
    stateOf(tab, name) {
      for (const [{ socket }, each] of tabs.get(tab ?? "") ?? []) {
        if (each !== name || !socket) continue
        return { state: socket.writableNeedDrain ? "full" : "live", waiting: socket.writableLength }
      }
      return undefined
    },
  }
}
