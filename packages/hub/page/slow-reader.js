import { createParser } from "./onward/protocol/index.js"

/**
 * Reads a stream with fetch(), at a pace of its own: while it is paused no byte is taken, so the connection fills up. After a
 * break it comes back with the last id it has. `onState` is told "connecting", "reading", "paused" and "lost".
 */
export function createSlowReader(url, onEvent, onState) {
  const stopped = new AbortController()
  const parser = createParser({ onEvent })
  let go
  let going

  const reader = {
    pause() {
      going ??= new Promise((resolve) => {
        go = resolve
      })
      onState("paused")
    },
    resume() {
      going = undefined
      go?.()
      onState("reading")
    },
    close: () => stopped.abort(),
  }

  async function read() {
    const headers = parser.lastEventId === "" ? {} : { "Last-Event-ID": parser.lastEventId }
    const response = await fetch(url, { headers, signal: stopped.signal, cache: "no-store" })
    if (!response.ok) throw new Error(`status ${response.status}`)
    onState(going ? "paused" : "reading")
    parser.reset()
    const body = response.body.getReader()
    for (;;) {
      // the first chunk holds the place to come back to
      if (parser.lastEventId !== "") await going
      const { done, value } = await body.read()
      if (done) return
      parser.push(value)
    }
  }

  async function run() {
    while (!stopped.signal.aborted) {
      onState("connecting")
      await read().catch(() => {})
      if (stopped.signal.aborted) return
      onState("lost")
      await new Promise((resolve) => {
        setTimeout(resolve, 1_000)
      })
    }
  }

  void run()
  return reader
}
