import { setTimeout as wait } from "node:timers/promises"
import type { Socket } from "node:net"
import { open } from "../requests.ts"
import { scaled, type Attack } from "../stage.ts"

const HEAD = "POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

/** Requests that stop in the middle, or go on one byte at a time. */
export const halfSent: Attack = {
  name: "half-sent",
  threats: ["S12"],
  async round(stage) {
    const { hub, chance, count } = stage
    const size = chance.pick([1_000, 1_048_576, 4_000_000])
    const starts = [
      "",
      "GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\nX-A: ",
      `${HEAD}Content-Length: ${size}\r\n\r\n{`,
      `${HEAD}Content-Length: ${size}\r\n\r\n${"x".repeat(size - 1)}`,
      `${HEAD}Transfer-Encoding: chunked\r\n\r\nfffff\r\n${"x".repeat(1_000)}`,
      `${HEAD}Content-Length: ${size}\r\nExpect: 100-continue\r\n\r\n`,
    ]
    const sockets = await Promise.all(
      Array.from({ length: scaled(stage, 200) }, () => open(hub.port, chance.pick(starts))),
    )
    const opened = sockets.filter((socket): socket is Socket => socket !== undefined)
    count("half requests", opened.length)
    for (let i = 0; i < 50 && !stage.isOver(); i++) {
      await wait(100)
      for (const socket of opened) if (!socket.destroyed && chance.percent(20)) socket.write("x")
    }
    count("closed by the hub", opened.filter(({ destroyed }) => destroyed).length)
    for (const socket of opened) socket.destroy()
  },
}
