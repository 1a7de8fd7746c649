import { setTimeout as wait } from "node:timers/promises"
import { ask, open, publish } from "../requests.ts"
import { scaled, type Attack } from "../stage.ts"

const BATCH = 1_000

/** Searches through the whole log, most of them cancelled before they end. */
export const lookBacks: Attack = {
  name: "look-backs",
  threats: ["S12", "S14"],
  args: ["--publish-rate", "0"],
  async begin(stage) {
    for (let i = scaled(stage, 100); i > 0; i--) {
      await publish(
        stage.hub.port,
        Array.from({ length: BATCH }, (_, at) => ({ topic: `topic/${(i + at) % 5_000}`, data: "x" })),
      )
      stage.count("entries", BATCH)
    }
  },
  async round(stage) {
    const { hub, chance, count } = stage
    const query = chance.pick([
      "topic=nothing*&last=1",
      "topic=*/none&last=10000",
      "topic=*&last_event_id=earliest",
      `topic=no${chance.below(1e6)}*&last=10000`,
      `${Array.from({ length: 100 }, (_, i) => `topic=topic/${i}`).join("&")}&last=10000`,
      "topic=*&since=0",
      `topic=*&last_event_id=${chance.below(1e9)}`,
    ])
    const asking = Array.from({ length: 60 }, () =>
      open(hub.port, `GET /events?${query} HTTP/1.1\r\nHost: localhost:${hub.port}\r\n\r\n`),
    )
    const sockets = await Promise.all(asking)
    for (const socket of sockets) socket?.resume()
    await wait(chance.below(200))
    for (const socket of sockets) socket?.destroy()
    count("look-backs", sockets.length)
    const { status } = await ask(hub.port, { path: "/healthz" })
    if (status !== 200) stage.fail(`after look-backs that were cancelled, /healthz was answered ${status}`)
  },
}
