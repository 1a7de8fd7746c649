import { setTimeout as wait } from "node:timers/promises"
import { open, statusOfBytes } from "../requests.ts"
import { scaled, type Attack } from "../stage.ts"

const FORM = "application/x-www-form-urlencoded"
const MIB = 1024 ** 2

const filled = (before: string, part: string, size: number): string =>
  before + part.repeat(Math.ceil(size / part.length))

const BODIES: readonly ((size: number) => string)[] = [
  (size) => filled("topic=a", "&", size),
  (size) => filled("topic=a", "&x", size),
  (size) => filled("", "topic=a&", size),
  (size) => filled("topic=", "%41", size),
  (size) => filled("topic=", "%", size),
  (size) => filled("match_urlpattern=", "*a", size),
  (size) => filled("", "match_urlpattern=/:a*&", size),
  (size) => filled("last_event_id=", "x", size),
  (size) => filled("topic=a&topic=", "\0", size),
  () => "",
]
const TYPES = [FORM, FORM, FORM, `${FORM}; charset=utf-16`, "application/json", "text/plain", "", "multipart/form-data"]

/** QUERY requests at the Mercure endpoint: huge, half-sent, slow, of other types, and with bodies that cost more to read than to send. */
export const queries: Attack = {
  name: "queries",
  threats: ["S12", "S13", "S22"],
  args: ["--mercure", "--mercure-anonymous"],
  async round(stage) {
    const { hub, chance, count } = stage
    const one = async (): Promise<void> => {
      const body = chance.pick(BODIES)(chance.pick([10, 1_000, 100_000, MIB - 100, 2 * MIB]))
      const head = `QUERY /.well-known/mercure HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${chance.pick(TYPES)}\r\n`
      if (chance.percent(30)) {
        // never all of it, and some of it byte by byte
        const socket = await open(hub.port, `${head}Content-Length: ${body.length + 9}\r\n\r\n${body}`)
        for (let i = 0; i < 5; i++) {
          await wait(20)
          if (socket?.writable) socket.write("x")
        }
        socket?.destroy()
        count("half-sent")
        return
      }
      const framing = chance.percent(50)
        ? `Content-Length: ${body.length}\r\n\r\n${body}`
        : `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
      const status = await statusOfBytes(hub.port, `${head}${framing}`, 10_000)
      if (status >= 500 && status !== 503) stage.fail(`QUERY with ${body.slice(0, 40)}… was answered ${status}`)
      count(status === 200 ? "streams" : "refused")
    }
    await Promise.all(Array.from({ length: scaled(stage, 20) }, one))
  },
}
