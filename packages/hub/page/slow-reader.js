import { stream } from "./onward/client/index.js"

/**
 * Reads a stream one event after the other. While it is paused it reads no byte, so the connection fills up. `onState` is called with
 * "connecting", "reading", "paused" and "lost".
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
