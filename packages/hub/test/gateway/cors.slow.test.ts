import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { test } from "node:test"
import { missing } from "../../../onward/test/client/browsers/find.ts"
import { openTab, shareChromium } from "../browser.ts"
import { serveOnward } from "../onward.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { begin, chat, createProvider } from "./provider.ts"

const openBrowser = shareChromium()

/** What a page may read of an answer. */
interface Seen {
  readonly text: string
  readonly run: string | null
  readonly location: string | null
  readonly requestId: string | null
}

test(
  "in Chromium, a page of a listed origin reads a stream and its headers, resumes and stops it; one of another origin cannot",
  { skip: missing("chromium") },
  async (t) => {
    const provider = await createProvider(t)
    const pages = createServer((_req, res) => void res.setHeader("content-type", "text/html").end("<p>")).listen(0)
    await once(pages, "listening")
    t.after(() => {
      pages.closeAllConnections()
      pages.close()
    })
    const { port } = pages.address() as AddressInfo
    const args = ["--upstream", provider.url, "--no-demo", "--upstream-origin", `http://localhost:${port}`]
    const { url } = await serveOnward(t, { data: temporaryFolder(t), args })
    const browser = await openBrowser(t)
    const errors: string[] = []
    const page = await openTab(browser, `http://localhost:${port}/`, errors)
    // `read` leaves when it has read `until`
    await page.evaluate(() => {
      const read = async (url: string, init: RequestInit, until: string): Promise<Seen> => {
        const leaving = new AbortController()
        const headers = new Headers(init.headers)
        headers.set("authorization", "Bearer ann's")
        headers.set("content-type", "application/json")
        const response = await fetch(url, { ...init, headers, signal: leaving.signal })
        let text = ""
        const reader = (response.body as ReadableStream<Uint8Array>).getReader()
        const decoder = new TextDecoder()
        while (!text.includes(until)) {
          const { done, value } = await reader.read()
          if (done) break
          text += decoder.decode(value, { stream: true })
        }
        leaving.abort()
        const of = (name: string): string | null => response.headers.get(name)
        return { text, run: of("onward-run"), location: of("content-location"), requestId: of("x-request-id") }
      }
      Object.assign(globalThis, { read })
    })
    type InPage = { read: (url: string, init: RequestInit, until: string) => Promise<Seen> }
    const read = (path: string, init: RequestInit, until: string): Promise<Seen> =>
      page.evaluate(
        (...args: Parameters<InPage["read"]>) => (globalThis as unknown as InPage).read(...args),
        url + path,
        init,
        until,
      )

    const asking = read("/v1/chat/completions", { method: "POST", body: '{"stream":true}' }, "Once")
    const { res, gone } = await provider.call()
    begin(res)
    chat.say(res, { content: "Once" })
    const first = await asking
    assert.match(first.run ?? "", /^run_/)
    assert.equal(first.location, `/v1/chat/completions/${first.run}?stream=true`)
    assert.equal(first.requestId, "req_7")
    const [, lastEventId = ""] = /^id: ?(\S+)/m.exec(first.text) ?? []
    assert.notEqual(lastEventId, "")

    chat.say(res, { content: " upon" })
    const rest = await read(first.location ?? "", { headers: { "last-event-id": lastEventId } }, " upon")
    assert.match(rest.text, / upon/)
    assert.doesNotMatch(rest.text, /Once/)
    const stopped = await read(`/v1/chat/completions/${first.run}`, { method: "DELETE" }, "}")
    assert.match(stopped.text, /"status":"stopped"/)
    await gone
    assert.deepEqual(errors, [])

    const other = await openTab(browser, `http://127.0.0.1:${port}/`, [])
    const denied = await other.evaluate(
      (target) => fetch(target, { headers: { authorization: "Bearer ann's" } }).then(() => "read", String),
      `${url}${first.location ?? ""}`,
    )
    assert.match(denied, /TypeError/)
  },
)
