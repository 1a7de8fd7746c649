import type { ServerResponse } from "node:http"

/** How one stream of a tab stands, seen from this end of its socket. */
export interface StreamState {
  /** `full`: the browser takes nothing more for now, and the hub writes nothing more until it does. */
  readonly state: "live" | "full"
  /** Bytes waiting in this process for this stream. */
  readonly waiting: number
}

/** The streams of each open page, by the name the page gave itself. */
export interface Tabs {
  /** True while somebody looks, or did half a minute ago. */
  readonly isWatched: boolean
  add(tab: string | null, name: string, res: ServerResponse): void
  /** Breaks a tab's connections as a network would: no goodbye. Returns how many. */
  cut(tab: string | null): number
  stateOf(tab: string | null, name: string): StreamState | undefined
}

/** So that a tab that was cut, or reloads, finds things going on. */
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
