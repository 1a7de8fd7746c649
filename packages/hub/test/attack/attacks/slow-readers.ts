import { setTimeout as wait } from "node:timers/promises"
import { open, publish } from "../requests.ts"
import { scaled, type Attack } from "../stage.ts"

/** Streams whose client reads nothing, while much is published. */
export const slowReaders: Attack = {
  name: "slow-readers",
  threats: ["S12"],
  args: ["--publish-rate", "0"],
  async round(stage) {
    const { hub, chance, count } = stage
    const from = `127.0.66.${10 + chance.below(200)}`
    const sockets = await Promise.all(
      Array.from({ length: Math.min(100, scaled(stage, 100)) }, () =>
        open(hub.port, `GET /events?topic=much&last_event_id=earliest HTTP/1.1\r\nHost: localhost\r\n\r\n`, from),
      ),
    )
    for (const socket of sockets) socket?.pause()
    count("readers", sockets.length)
    for (let i = scaled(stage, 20); i > 0 && !stage.isOver(); i--) {
      const { status } = await publish(
        hub.port,
        Array.from({ length: 10 }, () => ({ topic: "much", data: "x".repeat(50_000) })),
      )
      if (status !== 200) stage.fail(`publishing for readers that stop was answered ${status}`)
      count("MB published", 0.5)
    }
    await wait(100)
    for (const socket of sockets) socket?.destroy()
  },
}
