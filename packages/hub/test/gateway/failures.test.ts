import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import type { ServerResponse } from "node:http"
import { test, type TestContext } from "node:test"
import { testServer } from "../server.ts"
import { begin, chat, createProvider, writeResponse } from "./provider.ts"

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
    log: "memory:",
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

/** A stream of which the first word has come. */
async function begun(t: TestContext, path: "chat/completions" | "responses") {
  const provider = await createProvider(t, ({ req, res }) => {
    if (req.method === "DELETE") res.end()
  })
  const server = await testServer(t, { log: "memory:", upstream: { url: provider.url } })
  const leaving = new AbortController()
  const asking = fetch(`${server.url}/v1/${path}`, { method: "POST", body: '{"stream":true}', signal: leaving.signal })
  const { res } = await provider.call()
  const response = path === "responses" ? writeResponse(res, "resp_1") : undefined
  if (response) response.begin()
  else begin(res)
  const say = response?.say ?? ((content: string) => chat.say(res, { content }))
  say("Once")
  const { headers, body } = await asking
  const reader = (body as ReadableStream<Uint8Array>).getReader()
  const decoder = new TextDecoder()
  let text = ""
  async function read(until: string): Promise<string> {
    while (!text.includes(until)) {
      const { done, value } = await reader.read()
      if (done) break
      text += decoder.decode(value, { stream: true })
    }
    return text
  }
  await read("Once")
  const [url = ""] = new URL(headers.get("content-location") ?? "", server.url).href.split("?")
  const end = (): void => (response ? response.finish() : chat.finish(res))
  return { server, url, say, end, leave: () => leaving.abort(), rest: () => read("nothing that comes") }
}

/** What comes after the first word. */
function rest(text: string): string {
  assert.match(text, /"Once"/)
  assert.doesNotMatch(text, /\[DONE\]|response\.completed/)
  const status = /event: response\.incomplete\n[^]*?"status":"(\w+)"/.exec(text)?.[1]
  if (status !== undefined) return `What came, then \`response.incomplete\` with status \`${status}\``
  return `What came, then an error \`${/"code":"(\w+)"/.exec(text)?.[1]}\``
}

/** What happens at the gateway, and how to provoke it. */
const incidents: readonly { readonly what: string; readonly seen: (t: TestContext) => Promise<string> }[] = [
  {
    what: "A caller stops a chat or message",
    async seen(t) {
      const run = await begun(t, "chat/completions")
      await fetch(run.url, { method: "DELETE" })
      return rest(await run.rest())
    },
  },
  {
    what: "A caller stops a response",
    async seen(t) {
      const run = await begun(t, "responses")
      await fetch(`${run.url}/cancel`, { method: "POST" })
      return rest(await run.rest())
    },
  },
  {
    what: "The client disconnects",
    async seen(t) {
      const run = await begun(t, "chat/completions")
      run.leave()
      run.say(" upon")
      run.end()
      assert.match(await (await fetch(run.url)).text(), /Once[^]* upon[^]*\[DONE\]/)
      return "The run continues, unless `--upstream-abandon` is set"
    },
  },
  {
    what: "The gateway shuts down",
    async seen(t) {
      const run = await begun(t, "chat/completions")
      const [text] = await Promise.all([run.rest(), run.server.close()])
      return rest(text)
    },
  },
  {
    what: "The response was deleted",
    async seen(t) {
      const run = await begun(t, "responses")
      run.end()
      await run.rest()
      assert.equal((await fetch(run.url, { method: "DELETE" })).status, 200)
      return String((await fetch(`${run.url}?stream=true`)).status)
    },
  },
]

const PAGE = readFileSync(new URL("../../../../docs/gateway.md", import.meta.url), "utf8")

function assertListed(rows: readonly string[]): void {
  const missing = rows.filter((row) => !PAGE.includes(row))
  assert.deepEqual(missing, [], "copy these rows into the table of the page")
}

test("docs/gateway.md lists what a client receives for each failure of a provider", async (t) => {
  const rows: string[] = []
  for (const failure of failures) rows.push(`| ${failure.what} | ${await seen(t, failure)} |`)
  assertListed(rows)
})

test("docs/gateway.md lists what a client receives for each failure of the gateway", async (t) => {
  const rows: string[] = []
  for (const { what, seen } of incidents) rows.push(`| ${what} | ${await seen(t)} |`)
  assertListed(rows)
})
