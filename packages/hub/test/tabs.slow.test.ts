import assert from "node:assert/strict"
import { test } from "node:test"
import { missing } from "../../onward/test/client/browsers/find.ts"
import { shareChromium } from "./browser.ts"
import { makeCertificate } from "./certificate.ts"
import { testServer } from "./server.ts"
import { temporaryFolder } from "./temporary-folder.ts"

const openBrowser = shareChromium()

const TABS = 8

test(
  "eight tabs of Chromium stream at once over HTTP/2, where HTTP/1.1 has six connections",
  { skip: missing("chromium") },
  async (t) => {
    const server = await testServer(t, { tls: makeCertificate(temporaryFolder(t)) })
    const origin = `https://localhost:${server.port}`
    const browser = await openBrowser(t)
    const tabs = await Promise.all(
      Array.from({ length: TABS }, async () => {
        const page = await browser.newPage()
        await page.goto(`${origin}/livez`)
        return page
      }),
    )
    for (const page of tabs) await page.evaluate(openStream)
    const protocols = await Promise.all(tabs.map((page) => page.evaluate(protocolOfPage)))
    assert.deepEqual(
      protocols,
      tabs.map(() => "h2"),
    )
    // from a tab, because the publisher here does not trust the certificate
    await tabs[0]?.evaluate(publishInPage)
    assert.deepEqual(
      await Promise.all(tabs.map((page) => page.evaluate(dataInPage))),
      tabs.map(() => "to all tabs"),
    )
  },
)

declare const window: { source: EventSource; read: Promise<string> }

/** Opens a stream; resolves once it is open. */
function openStream(): Promise<void> {
  window.source = new EventSource("/events?topic=tabs")
  const { source } = window
  window.read = new Promise((resolve) => source.addEventListener("message", ({ data }) => resolve(String(data))))
  return new Promise((resolve) => source.addEventListener("open", () => resolve()))
}

const protocolOfPage = (): string =>
  (performance.getEntriesByType("navigation")[0] as PerformanceNavigationTiming).nextHopProtocol

const publishInPage = async (): Promise<void> => {
  await fetch("/publish", { method: "POST", body: new URLSearchParams({ topic: "tabs", data: "to all tabs" }) })
}

const dataInPage = (): Promise<string> => window.read
