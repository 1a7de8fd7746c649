import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { test } from "node:test"
import { missing } from "../../onward/test/client/browsers/find.ts"
import { shareChromium } from "./browser.ts"
import { testServer } from "./server.ts"

const openBrowser = shareChromium()

test(
  "in Chromium, a page of a listed origin publishes, reads and learns why a request is refused, and another page does not",
  { skip: missing("chromium") },
  async (t) => {
    const app = createServer((_, res) => res.setHeader("content-type", "text/html").end("<p>app")).listen(
      0,
      "127.0.0.1",
    )
    t.after(() => void app.close().closeAllConnections())
    await once(app, "listening")
    const { port } = app.address() as AddressInfo
    const [listed, other] = [`http://app.localhost:${port}`, `http://other.localhost:${port}`]
    const { url } = await testServer(t, { cors: { origins: [listed] }, limits: { topics: 1 } })
    const page = await (await openBrowser(t)).newPage()
    await page.goto(listed)
    assert.deepEqual(await page.evaluate(usePage, url), [200, "hello", 400])
    await page.goto(other)
    assert.deepEqual(await page.evaluate(usePage, url), ["refused", "closed", "refused"])
  },
)

/** In a page: publishes with a header that needs a preflight, reads the topic, and asks for too many topics. */
async function usePage(hub: string): Promise<(string | number)[]> {
  const statusOf = (path: string, init?: RequestInit): Promise<string | number> =>
    fetch(hub + path, init).then(
      ({ status }) => status,
      () => "refused",
    )
  const headers = { "content-type": "application/json" }
  const body = JSON.stringify({ topic: "a", data: "hello" })
  const published = await statusOf("/publish", { method: "POST", headers, body })
  const read = await new Promise<string>((resolve) => {
    const source = new EventSource(`${hub}/events?topic=a&last=1`)
    source.addEventListener("message", ({ data }) => {
      source.close()
      resolve(String(data))
    })
    source.addEventListener("error", () => source.readyState === EventSource.CLOSED && resolve("closed"))
  })
  return [published, read, await statusOf("/events?topic=a&topic=b")]
}
