import { isFair, statusOfBytes } from "../requests.ts"
import { scaled, type Attack } from "../stage.ts"

const TARGETS = [
  ..."/events?topic=a|/publish|/healthz|/presence|/v1/x|/|*|//|//[|///|//a|/\\|/%|/%00|/%2e%2e/|/../../etc/passwd|/events?%|/events?topic=%ff|/events?topic".split(
    "|",
  ),
  ..."http://HOST/events?topic=a|HTTP://HOST/healthz|http://|http://[|http://HOST:99999/|https://HOST/healthz|ftp://HOST/|HOST:80|a:b|?topic=a|#|/#a|/events;x?topic=a".split(
    "|",
  ),
  "/\0",
  "/\u0001",
  "/é",
  "/\x80",
  "/a b",
  `/${"a".repeat(20_000)}`,
  `/events?${"topic=a&".repeat(2_000)}`,
  "",
]
const METHODS = ["GET", "HEAD", "POST", "OPTIONS", "QUERY", "CONNECT", "TRACE", "PUT", "get", "G\0T", "PRI", ""]
const HEADERS = [
  "Host: HOST",
  "Host: ",
  "Host: a\r\nHost: b",
  "Host: [",
  "Host: HOST\r\nLast-Event-ID: \xff\xfe",
  "Host: HOST\r\nLast-Event-ID: a\r\nLast-Event-ID: b",
  "Host: HOST\r\nOrigin: null",
  "Host: HOST\r\nOrigin: http://[",
  "Host: HOST\r\nAccept-Encoding: gzip;q=x, *;q=9",
  "Host: HOST\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
  "Host: HOST\r\nContent-Length: -1",
  "Host: HOST\r\nContent-Length: 5, 5",
  'Host: HOST\r\nContent-Type: application/json; charset="',
  "Host: HOST\r\nExpect: 200-ok",
  "Host: HOST\r\nUpgrade: websocket\r\nConnection: upgrade",
  "Host: HOST\r\nConnection: close, upgrade\r\nTE: trailers",
  "Host: HOST\r\nX: a\0b",
  "Host: HOST\r\n folded: x",
  `Host: HOST\r\n${"X: y\r\n".repeat(3_000)}Z: z`,
]
const VERSIONS = ["HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/9.9", "http/1.1", ""]

/** Request lines and headers that no client sends. */
export const targets: Attack = {
  name: "targets",
  threats: ["S12", "S13", "S20"],
  async round(stage) {
    const { hub, chance, count } = stage
    const asked = Array.from({ length: scaled(stage, 50) }, async () => {
      const line = [chance.pick(METHODS), chance.pick(TARGETS), chance.pick(VERSIONS)].join(" ")
      const text = `${chance.percent(70) ? `GET ${chance.pick(TARGETS)} HTTP/1.1` : line}\r\n${chance.pick(HEADERS)}\r\n\r\n`
      const bytes = Buffer.from(text.replaceAll("HOST", `localhost:${hub.port}`), "latin1")
      const status = await statusOfBytes(hub.port, bytes, 500)
      // 505 is Node's own, for versions of HTTP that it does not know
      if (!isFair(status) && status !== 505) stage.fail(`${JSON.stringify(text.slice(0, 300))} was answered ${status}`)
      count(`answered ${status === 0 ? "not at all" : status}`)
    })
    await Promise.all(asked)
  },
}
