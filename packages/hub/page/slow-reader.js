import { stream } from "./onward/client/index.js"

/**
 * Reads a stream at a pace of its own: an event is asked for when the last one was dealt with, and while nobody asks, no byte is taken, so
 * the connection fills up. `onState` is told "connecting", "reading", "paused" and "lost".
 */
export function createSlowReader(url, onEvent, onState) {
  let go
  let going
  const events = stream(url, {
    onStatus({ state }) {
      if (state === "open") onState(going ? "paused" : "reading")
      else if (state === "connecting") onState("connecting")
      else if (state === "reconnecting") onState("lost")
    },
  })

  async function run() {
    for await (const event of events) {
      await going
      onEvent(event)
    }
  }

  void run()
  return {
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
    close: () => events.close(),
  }
}
