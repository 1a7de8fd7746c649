import { isFair, publish, statusOfBytes } from "../requests.ts"
import { scaled, type Attack } from "../stage.ts"

const CHARS = ["a", "*", ":", "/", "\\", "{", "}", "(", ")", "?", "+", ".", "%2a", "é", "🦊", "\u202e", "ÿ"]

/** Topics that resemble each other as much as they can, and patterns that all but match them. */
export const topics: Attack = {
  name: "topics",
  threats: ["S8", "S13", "S14"],
  args: ["--publish-rate", "0"],
  async round(stage) {
    const { hub, chance, count } = stage
    const unit = chance.pick(["a", "ab", "aab", "/", "é", "a/"])
    const long = unit.repeat(2_000).slice(0, 480)
    const { status, text } = await publish(
      hub.port,
      Array.from({ length: scaled(stage, 1_000) }, (_, i) => ({ topic: `${long}${chance.below(1e6)}/${i}`, data: "" })),
    )
    if (status !== 200) stage.fail(`long topics were answered ${status}: ${text.slice(0, 200)}`)
    count("topics", scaled(stage, 1_000))
    for (let i = scaled(stage, 20); i > 0; i--) {
      const length = 1 + chance.below(chance.pick([5, 20, 200, 1_500]))
      const selector = chance.percent(50)
        ? Array.from({ length }, () => chance.pick(CHARS))
            .join("")
            .slice(0, 2_000)
        : `*${long.slice(0, length)}b*${long.slice(0, length)}*`
      const status = await statusOfBytes(
        hub.port,
        `GET /events?topic=${encodeURIComponent(selector.toWellFormed())}&last=1 HTTP/1.1\r\nHost: localhost\r\n\r\n`,
        10_000,
      )
      if (!isFair(status)) stage.fail(`the selector ${JSON.stringify(selector)} was answered ${status}`)
      count(status === 200 ? "selectors answered" : "selectors refused")
    }
    const many = Array.from({ length: 1_001 + chance.below(300) }, (_, i) => `topic=${i}`).join("&")
    const refused = await statusOfBytes(hub.port, `GET /events?${many} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    if (refused !== 400) stage.fail(`more topics than the limit were answered ${refused}`)
  },
}
