import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import type { ServerResponse } from "node:http"
import { test, type TestContext } from "node:test"
import { testServer } from "../server.ts"
import { begin, chat, createProvider } from "./provider.ts"

/** A failure of a provider: its row in docs/gateway.md, and how to provoke it. */
interface Failure {
  readonly what: string
  /** Undefined for a provider that cannot be reached. */
  readonly answer: ((res: ServerResponse) => void) | undefined
  readonly limits?: object
}

const failures: Failure[] = [
  { what: "The provider refuses with 401, 429 or 500", answer: (res) => res.writeHead(429).end("{}") },
  { what: "The provider cannot be reached", answer: undefined },
  { what: "The provider closes the connection without an answer", answer: (res) => res.destroy() },
  {
    what: "No status within `--upstream-head-timeout`",
    answer: () => {},
    limits: { headTimeout: 50, headAfter: 10_000 },
  },
  {
    what: "The same, after `--upstream-head-after`",
    answer: () => {},
    limits: { headTimeout: 50, headAfter: 0 },
  },
  {
    what: "No first event within `--upstream-first-timeout`",
    answer: begin,
    limits: { firstTimeout: 50 },
  },
  {
    what: "No next event within `--upstream-idle-timeout`",
    answer(res) {
      begin(res)
      chat.say(res, { content: "a" })
    },
    limits: { idleTimeout: 50 },
  },
  {
    what: "The provider disconnects",
    answer(res) {
      begin(res)
      chat.say(res, { content: "a" })
      setTimeout(() => res.destroy(), 50)
    },
  },
  {
    what: "The provider disconnects after `[DONE]`",
    answer(res) {
      begin(res)
      chat.say(res, { content: "a" }, "stop")
      res.write("data: [DONE]\n\n")
      setTimeout(() => res.destroy(), 50)
    },
  },
  {
    what: "The provider sends HTML with status 200",
    answer: (res) => res.writeHead(200, { "content-type": "text/html" }).end("<p>"),
  },
  {
    what: "The provider sends JSON with status 200",
    answer: (res) => res.writeHead(200, { "content-type": "application/json" }).end("{}"),
  },
  {
    what: "The answer is longer than `--upstream-max-answer`",
    answer(res) {
      begin(res)
      chat.say(res, { content: "a".repeat(4_096) })
    },
    limits: { answerBytes: 2_048 },
  },
]

/** What the client of a chat stream sees. */
async function seen(t: TestContext, { answer, limits = {} }: Failure): Promise<string> {
  const provider = answer && (await createProvider(t, ({ res }) => answer(res)))
  const server = await testServer(t, {
    upstream: { url: provider?.url ?? "http://127.0.0.1:1/v1" },
    gateway: { limits },
  })
  const response = await fetch(`${server.url}/v1/chat/completions`, { method: "POST", body: '{"stream":true}' })
  const text = await response.text()
  const code = /"code":"(\w+)"/.exec(text)?.[1]
  const isRun = response.headers.has("onward-run")
  assert.equal(text.includes("[DONE]"), isRun && code === undefined, "only a complete answer looks complete")
  if (!isRun)
    return code === undefined ? `${response.status}, unchanged; no run` : `${response.status} \`${code}\`; no run`
  const before = text.includes('"content":"a"') ? "what came, then " : ""
  return `200, ${before}${code === undefined ? "`[DONE]`" : `an error \`${code}\``}`
}

test("docs/gateway.md lists what a client sees of each failure of a provider", async (t) => {
  const rows: string[] = []
  for (const failure of failures) rows.push(`| ${failure.what} | ${await seen(t, failure)} |`)
  const page = readFileSync(new URL("../../../../docs/gateway.md", import.meta.url), "utf8")
  const missing = rows.filter((row) => !page.includes(row))
  assert.deepEqual(missing, [], "copy these rows into the table of the page")
})
