import assert from "node:assert/strict"
import { test } from "node:test"
import { hashKey } from "../../src/auth/index.ts"
import { testServer } from "../server.ts"
import { outputOf } from "../commands/run-command.ts"

/** The findings of `onward doctor --json`, and whether all is well. */
async function findings(url: string, ...args: string[]): Promise<{ code: number; lines: string[] }> {
  const { code, out } = await outputOf({ url }, ["doctor", url, "--listen", "1", "--json", ...args])
  const lines = out
    .trim()
    .split("\n")
    .map((line) => {
      const { kind, text, todo, isWell } = JSON.parse(line) as Record<string, string>
      return kind === undefined
        ? `well: ${String(isWell)}`
        : `${kind}: ${text}${todo === undefined ? "" : ` → ${todo}`}`
    })
  return { code, lines }
}

const has = (lines: readonly string[], wanted: RegExp): void =>
  assert.ok(
    lines.some((line) => wanted.test(line)),
    `${wanted} is not in\n${lines.join("\n")}`,
  )

test("onward doctor --publish sends a message around, with a token that may", async (t) => {
  const key = (name: string, grants: object) => ({ name, sha256: hashKey(`ok_${name}`).toString("hex"), ...grants })
  const auth = {
    keys: [key("both", { publish: ["a"], subscribe: ["a"] }), key("reader", { publish: [], subscribe: ["a"] })],
  }
  const server = await testServer(t, { log: "memory:", auth })
  const url = `${server.url}/events?topic=a`
  const both = await findings(url, "--publish", "--token", "ok_both")
  has(both.lines, /^ok: a published message arrived after \d+ ms$/)
  assert.deepEqual([both.code, both.lines.at(-1)], [0, "well: true"])
  const reader = await findings(url, "--publish", "--token", "ok_reader")
  has(reader.lines, /^bad: the message was refused: status 403, .*topic_not_allowed\) → send a token that may publish/)
  assert.equal(reader.code, 1)
  has((await findings(url)).lines, /^bad: the status is 401/)
  has(
    (await findings(`${server.url}/events?topic=*`, "--publish", "--token", "ok_both")).lines,
    /^bad: the status is 403/,
  )
})

test("onward doctor --origin tells whether a page of that origin can read, and send headers", async (t) => {
  const server = await testServer(t, { log: "memory:", cors: { origins: ["https://app.example.com"] } })
  const url = `${server.url}/events?topic=a`
  const allowed = await findings(url, "--origin", "https://app.example.com")
  has(allowed.lines, /^ok: a page of https:\/\/app\.example\.com can read the stream, without cookies$/)
  has(allowed.lines, /^ok: the page can also send the headers authorization and last-event-id$/)
  const other = await findings(url, "--origin", "https://evil.example")
  has(
    other.lines,
    /^bad: a page of https:\/\/evil\.example cannot read.* is missing → allow the origin: .*--cors-origin/,
  )
  assert.equal(other.code, 1)
  has((await findings(url, "--origin", server.url)).lines, /^ok: .* is of the same origin/)
})

test("onward doctor --many tells of limits, and of the six connections of a browser", async (t) => {
  const server = await testServer(t, { log: "memory:" })
  const url = `${server.url}/events?topic=a`
  has((await findings(url, "--many", "5")).lines, /^ok: 5 streams at once are open$/)
  const seven = await findings(url, "--many", "7")
  has(seven.lines, /^bad: a browser opens 6 connections to .* use HTTPS with HTTP\/2/)
  const small = await testServer(t, { log: "memory:", limits: { streamsPerAddress: 7 } })
  const refused = await findings(`${small.url}/events?topic=a`, "--many", "20")
  has(refused.lines, /^bad: only \d of 20 streams at once opened: status 429/)
})
