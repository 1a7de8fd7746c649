import { createHmac } from "node:crypto"
import { ask, open } from "../requests.ts"
import { scaled, type Attack } from "../stage.ts"

const KEY = "a secret of more than thirty-two bytes"
const encoded = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url")
const content = `${encoded({ alg: "HS256", typ: "JWT" })}.${encoded({ mercure: { publish: ["*"] } })}`
const token = `${content}.${createHmac("sha256", KEY).update(content).digest("base64url")}`

/** Messages with as many topics as there can be, each compared with patterns that all but match it. */
export const manyTopics: Attack = {
  name: "many-topics",
  threats: ["S14", "S15"],
  args: [
    ...["--publish-rate", "0", "--mercure-publisher-key", KEY],
    ...["--auth-anonymous-publish", "*", "--auth-anonymous-subscribe", "*"],
  ],
  async round(stage) {
    const { hub, chance, count } = stage
    const unit = chance.pick(["a", "ab", "a/", "é"])
    const long = unit.repeat(500).slice(0, 120)
    // of several addresses, because each has a limit of patterns
    const streams = await Promise.all(
      Array.from({ length: scaled(stage, 20) }, (_, i) => {
        const patterns = Array.from({ length: 40 }, (_, at) => `${`*${unit}`.repeat(6)}*${i}-${at}`)
        const query = patterns.map((pattern) => `topic=${encodeURIComponent(pattern)}`).join("&")
        return open(hub.port, `GET /events?${query} HTTP/1.1\r\nHost: localhost\r\n\r\n`, `127.0.67.${1 + (i % 20)}`)
      }),
    )
    for (let i = scaled(stage, 10); i > 0; i--) {
      const fields = new URLSearchParams({ data: "x", ...(chance.percent(50) && { private: "on" }) })
      for (let at = 0; at < 1_000; at++) fields.append("topic", `${long}${chance.below(1e9)}/${at}`)
      const { status, text } = await ask(hub.port, {
        path: "/.well-known/mercure",
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/x-www-form-urlencoded" },
        body: String(fields),
      })
      if (status !== 200) stage.fail(`a message with 1,000 topics was answered ${status}: ${text.slice(0, 200)}`)
      count(`answered ${status}`)
    }
    for (const stream of streams) stream?.destroy()
  },
}
