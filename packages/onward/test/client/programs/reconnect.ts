// Reconnects again and again, in a process of its own, and reports what that left behind. Arguments: client, transport, URL, times.
// Needs --expose-gc.
import { getEventListeners } from "node:events"
import { EventSource, stream } from "../../../src/client/node.ts"
import { TRANSPORTS } from "../transports.ts"

const [, , client, transport = "", url = "", times] = process.argv
const closing = new AbortController()
const options = {
  fetch: TRANSPORTS[transport] as NonNullable<(typeof TRANSPORTS)[string]>,
  retry: { base: 0 },
  signal: closing.signal,
}

/** Bytes in use after so many reconnects. */
const used: number[] = []
/** Sockets, timers and the like, other than the standard streams of this process. */
const resources = (): string[] => process.getActiveResourcesInfo().filter((name) => !/^(Pipe|TTY)Wrap$/.test(name))
let count = 0

function onReconnect(): void {
  count++
  if (count === Math.round(Number(times) / 10) || count === Number(times)) {
    globalThis.gc?.()
    used.push(process.memoryUsage().heapUsed)
  }
}

if (client === "EventSource") {
  const source = new EventSource(url, { ...options, reconnectionTime: 0 })
  await new Promise<void>((resolve) => {
    source.addEventListener("error", () => {
      onReconnect()
      if (count < Number(times)) return
      source.close()
      resolve()
    })
  })
} else {
  const events = stream(url, options)
  for await (const _ of events) {
    onReconnect()
    if (count === Number(times)) break
  }
}
// what is closed takes a turn or two to be gone
for (let turns = 0; turns < 1_000 && (turns === 0 || resources().length > 0); turns++) {
  await new Promise((resolve) => setImmediate(resolve))
}
console.log(
  JSON.stringify({
    count,
    grown: (used[1] ?? NaN) - (used[0] ?? NaN),
    left: resources(),
    listeners: getEventListeners(closing.signal, "abort").length,
  }),
)
