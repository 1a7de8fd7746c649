import { ask, isFair } from "../requests.ts"
import { scaled, type Attack } from "../stage.ts"

const MIB = 1024 ** 2
const FORM = "application/x-www-form-urlencoded"
const JSON_TYPE = "application/json"
const LINES = "application/x-ndjson"

const filled = (before: string, part: string, after: string, size: number): string =>
  before + part.repeat(Math.ceil(size / part.length)) + after

const BOMBS: readonly [what: string, type: string, make: (size: number) => string][] = [
  ["form of fields", FORM, (size) => filled("topic=a", "&x=y", "", size)],
  ["form of names", FORM, (size) => Array.from({ length: size / 5 }, (_, i) => i.toString(36)).join("&")],
  ["form of separators", FORM, (size) => filled("topic=a", "&", "", size)],
  ["percent-encoded form", FORM, (size) => filled("topic=bomb&data=", "%61", "", size)],
  ["form of broken percents", FORM, (size) => filled("topic=bomb&data=", "%", "", size)],
  ["form of line ends", FORM, (size) => filled("topic=bomb&data=", "%0A", "", size)],
  ["JSON of numbers", JSON_TYPE, (size) => filled('{"topic":"bomb","data":[', "1,", "1]}", size)],
  ["JSON number of digits", JSON_TYPE, (size) => filled('{"topic":"bomb","data":', "9", "}", size)],
  ["JSON of escapes", JSON_TYPE, (size) => filled('{"topic":"bomb","data":"', "\\u0000", '"}', size)],
  ["JSON of brackets", JSON_TYPE, (size) => filled('{"topic":"bomb","data":', "[", "", size)],
  ["JSON of objects", JSON_TYPE, (size) => filled('{"topic":"bomb","data":', '{"a":', "", size)],
  ["JSON of keys", JSON_TYPE, (size) => filled('{"topic":"bomb","data":{', '"a":1,', '"a":1}}', size)],
  [
    "JSON that pollutes",
    JSON_TYPE,
    () => '{"topic":"bomb","data":"x","__proto__":{"id":"x"},"constructor":{"prototype":{"id":"x"}}}',
  ],
  ["JSON of messages", JSON_TYPE, (size) => filled("[", "{},", "{}]", size)],
  [
    "JSON batch",
    JSON_TYPE,
    (size) =>
      `[${Array<string>(1_000)
        .fill(`{"topic":"bomb","data":"${"x".repeat(size / 1_100)}"}`)
        .join()}]`,
  ],
  ["lines", LINES, (size) => filled("", "{}\n", "", size)],
  ["empty lines", LINES, (size) => filled("", "\n", "", size)],
  ["lines that are cut", LINES, (size) => filled('{"topic":"bomb","data":"', "x", "", size)],
  ["not UTF-8", JSON_TYPE, (size) => filled("", "\ud800", "", size)],
  ["unknown type", "text/html", (size) => filled("", "x", "", size)],
]

/** Bodies that cost more to read than to send. */
export const bodies: Attack = {
  name: "bodies",
  threats: ["S13", "S15", "S22"],
  async round(stage) {
    const { hub, chance, count } = stage
    const asked = Array.from({ length: scaled(stage, 4) }, async () => {
      const [what, type, make] = chance.pick(BOMBS)
      const body = make(chance.pick([1_000, 100_000, MIB, 4 * MIB]) * 0.95)
      const { status, text } = await ask(hub.port, {
        path: "/publish",
        method: "POST",
        headers: { "content-type": type },
        body,
      })
      // 0: it was refused while it was sent, and the connection was closed
      if (!isFair(status))
        stage.fail(`a ${what} of ${body.length} characters was answered ${status}: ${text.slice(0, 200)}`)
      count(status === 200 ? "accepted" : "refused")
    })
    await Promise.all(asked)
  },
}
