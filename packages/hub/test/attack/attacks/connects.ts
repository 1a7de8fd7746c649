import { readFileSync } from "node:fs"
import type { Socket } from "node:net"
import { open } from "../requests.ts"
import { scaled, type Attack } from "../stage.ts"

const CONNECTIONS = 20_000
const AT_ONCE = 500
/** What this process and the hub need of the files they may open for themselves. */
const OWN_FILES = 500

/** How many files a process may open; where there is no `/proc`, the usual limit. */
function maxFiles(): number {
  try {
    return Number(/^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1])
  } catch {
    return 1_024
  }
}

/** 20,000 connections from one address, or as many as a process may open files: streams, requests, and idle ones. */
export const connects: Attack = {
  name: "connects",
  threats: ["S12"],
  rounds: 3,
  async round(stage) {
    const { hub, chance, count } = stage
    const texts = [
      "",
      "GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ]
    const most = Math.min(scaled(stage, CONNECTIONS), maxFiles() - OWN_FILES)
    const sockets: Socket[] = []
    let refused = 0
    try {
      while (sockets.length < most && refused < AT_ONCE && !stage.isOver()) {
        const opened = await Promise.all(
          Array.from({ length: Math.min(AT_ONCE, most - sockets.length) }, () => open(hub.port, chance.pick(texts))),
        )
        for (const socket of opened) {
          if (socket) sockets.push(socket.resume())
          else refused++
        }
      }
      count("connections", sockets.length)
      if (refused > 0) count("not opened", refused)
    } finally {
      for (const socket of sockets) socket.destroy()
    }
  },
}
