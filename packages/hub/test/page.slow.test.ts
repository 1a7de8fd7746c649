import assert from "node:assert/strict"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { test, type TestContext } from "node:test"
import type { Page } from "puppeteer-core"
import { missing } from "../../onward/test/client/browsers/find.ts"
import { click, openTab, shareChromium, textOf, waitForText } from "./browser.ts"
import { serveEndlessModel } from "./demo/endless-model.ts"
import { reservePort } from "../../onward/test/reserve-port.ts"
import { serveOnward, type Listening } from "./onward.ts"
import { readUntil } from "./read-events.ts"
import { publish } from "./server.ts"
import { temporaryFolder } from "./temporary-folder.ts"

const openBrowser = shareChromium()

const NO_MODEL = { OPENAI_BASE_URL: "", OPENAI_MODEL: "", MODEL: "" }
const skip = missing("chromium")

/** What a tab got of some events, as [number, id], in order. Gathered from the page's own connections. */
type Got = Record<"sample" | "count" | "message", [value: string, id: string][]>

interface Opened {
  readonly hub: Listening
  readonly data: string
  readonly tabs: Page[]
  readonly errors: string[]
}

/** A hub and a browser with tabs on its page, each of which keeps a list of what its streams were given. */
async function open(t: TestContext, tabCount = 1, env: NodeJS.ProcessEnv = NO_MODEL): Promise<Opened> {
  const data = join(temporaryFolder(t), "data")
  // its own, as it has to come back there
  const hub = await serveOnward(t, { data, port: await reservePort(), env })
  const browser = await openBrowser(t)
  const errors: string[] = []
  const tabs = []
  for (let i = 0; i < tabCount; i++) {
    const page = await openTab(browser, "about:blank", errors)
    await page.evaluateOnNewDocument(recordEvents)
    await page.goto(hub.url)
    await waitForText(page, "#status-text", /^Connected$/)
    tabs.push(page)
  }
  return { hub, data, tabs, errors }
}

/** Runs in the page, before its own scripts. */
function recordEvents(): void {
  const got: Got = { sample: [], count: [], message: [] }
  Object.assign(globalThis, { got })
  addEventListener("onward", (received) => {
    const { event, data, id, url } = (received as CustomEvent<Record<"event" | "data" | "id" | "url", string>>).detail
    if (event === "message" && url.startsWith("/demo")) return
    got[event as keyof Got]?.push([data, id])
  })
}

const gotBy = (page: Page, name: keyof Got): Promise<[string, string][]> =>
  page.evaluate((key) => (globalThis as unknown as { got: Got }).got[key], name)

/** What the log holds of a topic, over the range a tab has seen. */
async function inLog(hub: Listening, topic: string, got: readonly [string, string][]): Promise<[string, string][]> {
  const [first, last] = [got[0]?.[1], got.at(-1)?.[1]]
  assert.ok(first !== undefined && last !== undefined, `nothing arrived on ${topic}`)
  const events = await readUntil(`${hub.url}/events?topic=${topic}&last=10000`, ({ id }) => id === last)
  return events.slice(events.findIndex(({ id }) => id === first)).map(({ data, id }) => [data, id])
}

/** Each would set `owned` where text became markup, an address or code. */
const SCRIPTS = [
  "<script>owned=1</script>",
  "</script><script>owned=1</script>",
  "<img src=x onerror=owned=1>",
  "<IMG SRC=x OnError='owned=1'>",
  "<svg onload=owned=1>",
  "<svg><script>owned=1</script></svg>",
  "<svg><animate onbegin=owned=1 attributeName=x dur=1s>",
  "<math><mtext><table><mglyph><style><img src=x onerror=owned=1>",
  "<iframe srcdoc='<script>parent.owned=1</script>'></iframe>",
  "<iframe src=javascript:parent.owned=1>",
  "<a href=javascript:owned=1 autofocus onfocus=owned=1>x</a>",
  "<input autofocus onfocus=owned=1>",
  "<details open ontoggle=owned=1>",
  "<video><source onerror=owned=1></video>",
  "<body onpageshow=owned=1>",
  "<style>@import 'javascript:owned=1'</style>",
  "<link rel=stylesheet href=data:,body{x:expression(owned=1)}>",
  "<object data=javascript:owned=1>",
  "<template><img src=x onerror=owned=1></template>",
  '"><img src=x onerror=owned=1>',
  "' onmouseover=owned=1 '",
  "`-owned=1-`${owned=1}",
  "{{constructor.constructor('owned=1')()}}",
  "javascript:owned=1",
  "data:text/html,<script>owned=1</script>",
  "&lt;img src=x onerror=owned=1&gt;",
  "<!--><img src=x onerror=owned=1>-->",
  "<![CDATA[><img src=x onerror=owned=1>]]>",
  "\u2028owned=1\u2028",
  "\u003cimg src=x onerror=owned=1\u003e",
]

test("all four streams are live, and a message arrives unchanged in two tabs", { skip }, async (t) => {
  const { hub, tabs, errors } = await open(t, 2)
  const [one, two] = tabs as [Page, Page]
  for (const page of [one, two]) {
    await waitForText(page, "#machine-note", /sample \d+/)
    const before = await textOf(page, "#machine-note")
    await waitForText(page, "#chart-cpu output", /^\d+ %$/)
    await waitForText(page, "#chart-memory output", /^\d+ %$/)
    await waitForText(page, "#chart-delay output", /^[\d.]+ ms$/)
    await waitForText(page, "#machine-note", new RegExp(`^(?!${before}$)`))
    assert.notEqual(await page.$eval("#chart-cpu .curve", (curve) => curve.getAttribute("d")), "")
  }

  const typed = `<img src=x onerror="document.title='owned'"> </script>{{1}} ‮ää`
  await one.type("#publish input", typed)
  await click(one, "#publish button")
  const id = /id (\S+)\.$/.exec(await waitForText(one, "#publish-result", /^Stored on disk/))?.[1]
  for (const page of [one, two]) {
    assert.equal(await waitForText(page, "#notes .id", /./), id)
    assert.equal(await textOf(page, "#notes .text"), typed)
    assert.equal(await textOf(page, "#notes .badge"), "message")
  }
  assert.match(await one.title(), /^Onward/)
  await one.select("#publish select[name=topic]", "hello/team")
  await one.select("#publish select[name=event]", "alert")
  await one.type("#publish input", "second")
  await click(one, "#publish button")
  await waitForText(two, "#notes li:first-child", /^alertsecond/)
  await publish(hub.url, { topic: "hello", data: "from a terminal", event: "note" })
  for (const page of [one, two]) await waitForText(page, "#notes li:first-child", /^notefrom a terminal/)

  // as data, as the name of an event, and in a topic
  const hostile = SCRIPTS.flatMap((text) => [
    { topic: "hello", data: text },
    { topic: "hello", event: text, data: text },
    { topic: `hello/${text}`, data: text },
  ])
  const headers = { "content-type": "application/json" }
  const kept = await fetch(`${hub.url}/publish`, { method: "POST", headers, body: JSON.stringify(hostile) })
  assert.equal(kept.status, 200)
  await publish(hub.url, { topic: "hello", data: "after them" })
  for (const page of [one, two]) {
    await waitForText(page, "#notes li:first-child", /after them/)
    assert.equal(await page.evaluate(() => (globalThis as { owned?: unknown }).owned), undefined)
    assert.equal(await page.$("#notes :is(script, img, svg, iframe, a, style, input, math)"), null)
  }

  await fetch(`${hub.url}/from-the-test`, { headers: { "user-agent": "<script>alert(1)</script>" } })
  for (const page of [one, two]) await waitForText(page, "#log", /GET \/\*\*\* 404/)

  await waitForText(one, "#chat-source", /^Canned text, not an AI/)
  await click(one, "#chat-send")
  for (const page of [one, two]) {
    await waitForText(page, ".asked", /^Why do streams break\?$/)
    await waitForText(page, ".answer .by", /^Canned text, not an AI$/)
    await waitForText(page, ".answer .how-state", /^Complete$/)
    assert.match(await textOf(page, ".answer .said"), /^This is a canned text[^]*on this machine too\.$/)
  }
  assert.deepEqual(errors, [])
})

test("the example commands can be copied, and requests of the page stay out of its log", { skip }, async (t) => {
  const { hub, tabs, errors } = await open(t)
  const [page] = tabs as [Page]
  await page
    .browser()
    .defaultBrowserContext()
    .setPermission(hub.url, {
      permission: { name: "clipboard-write" },
      state: "granted",
    })
  await page.evaluate(() => {
    const copied: string[] = []
    Object.assign(globalThis, { copied })
    navigator.clipboard.writeText = async (text) => void copied.push(text)
  })
  for (const button of await page.$$("[data-copy]")) await button.click()
  assert.deepEqual(await page.evaluate(() => (globalThis as unknown as { copied: string[] }).copied), [
    `curl -N "${hub.url}/events?topic=hello"`,
    `curl -d topic=hello -d data=world ${hub.url}/publish`,
  ])
  await waitForText(page, "[data-copy]", /^Copied$/)

  await waitForText(page, "#log-state", /^Following\.$/)
  await page.reload()
  await waitForText(page, "#log-state", /^Following\.$/)
  await publish(hub.url, { topic: "hello", data: "1" })
  await click(page, "#knock")
  await waitForText(page, "#log li:nth-child(2)", /GET \/healthz 200/)
  assert.match(await textOf(page, "#log li:nth-child(1)"), /POST \/publish 200/)
  assert.deepEqual(errors, [])
})

test("each link to the documentation, and each link in it, leads to a page", { skip }, async (t) => {
  const { hub, tabs } = await open(t)
  const [page] = tabs as [Page]
  const seen = new Set<string>()
  const links = await page.$$eval("a[href]", (links) => links.map((link) => (link as { href: string }).href))
  const next = links.filter((link) => link.includes("/docs/"))
  assert.ok(next.length >= 6)
  for (let link = next.pop(); link !== undefined; link = next.pop()) {
    const [path = ""] = link.split("#")
    if (seen.has(path) || !path.startsWith(hub.url)) continue
    seen.add(path)
    const response = await fetch(path)
    assert.equal(response.status, 200, path)
    const html = await response.text()
    if (path.includes("/docs/"))
      next.push(...[...html.matchAll(/<a [^>]*href="([^"]+)"/g)].map(([, href = ""]) => new URL(href, path).href))
  }
  assert.ok(seen.size > 20, [...seen].join(" "))
})

test("a cut connection resumes: every event once, in a response too", { skip }, async (t) => {
  const { hub, tabs, errors } = await open(t)
  const [page] = tabs as [Page]
  await waitForText(page, "#machine-note", /sample \d+/)
  await click(page, "#chat-send")
  await waitForText(page, ".said", /sends it word by word/)
  for (let round = 0; round < 3; round++) {
    await click(page, "#cut")
    await waitForText(page, "#proof-result", /^Disconnected/)
    await waitForText(page, "#proof-result", /^Resumed: every event arrived exactly once\.$/)
    assert.equal(await textOf(page, "#proof-published"), "100")
    assert.equal(await textOf(page, "#proof-missing"), "0")
    assert.equal(await textOf(page, "#proof-twice"), "0")
    assert.equal((await page.$$("#proof-cells .here")).length, 100)
    const [before, after] = [await textOf(page, "#proof-before"), await textOf(page, "#proof-after")]
    assert.ok(before < after, `${before} comes before ${after}`)
  }
  await waitForText(page, ".how-state", /^Complete$/)
  assert.match(await textOf(page, ".how-figures"), /^resumed (once|\d times)$/)
  const said = await textOf(page, ".said")
  await page.reload()
  await waitForText(page, ".how-state", /^Complete$/)
  assert.equal(await textOf(page, ".said"), said, "word for word what a page gets that was not cut")
  const counts = await gotBy(page, "count")
  assert.equal(counts.length, 300)
  assert.deepEqual(counts, await inLog(hub, "demo/count", counts))
  const samples = await gotBy(page, "sample")
  assert.deepEqual(samples, await inLog(hub, "demo/machine", samples))
  await waitForText(page, "#log-state", /^Following\.$/)
  assert.deepEqual(errors, [])
})

test("a tab that stops reading is not buffered, and receives everything when it reads again", { skip }, async (t) => {
  const { hub, tabs, errors } = await open(t)
  const [page] = tabs as [Page]
  await waitForText(page, "#log-state", /^Following\.$/)
  await click(page, "#slow")
  await waitForText(page, "#slow-tab", /^not reading$/)
  await click(page, "#burst")
  await waitForText(page, "#slow-result", /^Published 3,000 events, 12 MiB\.$/)
  await waitForText(page, "#slow-hub", /^full: waiting$/)
  const waiting = Number((await textOf(page, "#slow-waiting")).replace(/\D/g, ""))
  assert.ok(waiting < 1024, `${waiting} KiB wait in the hub, of 12 MiB`)
  assert.match(await textOf(page, "#slow-received"), /^0 of 3,000$/)
  // others are not held up
  await publish(hub.url, { topic: "hello", data: "meanwhile" })
  await waitForText(page, "#notes .text", /^meanwhile$/)
  // and a cut while it is full costs nothing either
  await click(page, "#cut")
  await waitForText(page, "#proof-result", /^Resumed: every event arrived exactly once\.$/)
  await click(page, "#slow")
  await waitForText(page, "#slow-result", /^Caught up: 3,000 of 3,000 events, in order, each once\.$/)
  assert.equal(await textOf(page, "#slow-missing"), "0")
  assert.equal(await textOf(page, "#slow-twice"), "0")
  await waitForText(page, "#log-state", /^Following\.$/)
  assert.deepEqual(errors, [])
})

test(
  "a hub that is killed and restarted continues with both tabs, without missing or repeated events",
  { skip },
  async (t) => {
    const { hub, data, tabs, errors } = await open(t, 2)
    const [one, two] = tabs as [Page, Page]
    let current = hub
    const acknowledged: string[] = []
    for (let round = 0; round < 2; round++) {
      await waitForText(one, "#machine-note", /sample \d+/)
      const before = (await gotBy(one, "sample")).length
      // publishing until the very end: whatever was acknowledged must arrive
      const publishing = (async () => {
        for (let i = 0; ; i++) {
          const text = `${round}.${i}`
          try {
            await publish(current.url, { topic: "hello", data: text })
          } catch {
            return
          }
          acknowledged.push(text)
          // faster would only keep the pages busy
          await sleep(5)
        }
      })()
      await waitForText(two, "#notes li:first-child", new RegExp(`^message${round}\\.\\d\\d`))
      current.child.kill("SIGKILL")
      await current.ended
      await publishing
      await waitForText(one, "#status-text", /^Disconnected/)
      current = await serveOnward(t, { data, port: hub.port })
      for (const page of [one, two]) await waitForText(page, "#status-text", /^Connected$/)
      await one.waitForFunction(
        (count) => (globalThis as unknown as { got: Got }).got.sample.length > count + 1,
        {},
        before,
      )
    }
    const last = await publish(current.url, { topic: "hello", data: "the end" })
    for (const page of [one, two]) {
      await waitForText(page, "#notes .id", new RegExp(`^${last}$`))
      const messages = await gotBy(page, "message")
      assert.deepEqual(messages, await inLog(current, "hello", messages), "what the log holds, in its order")
      const texts = new Set(messages.map(([text]) => text))
      assert.deepEqual(
        acknowledged.filter((text) => !texts.has(text)),
        [],
        "acknowledged, so kept",
      )
      const samples = await gotBy(page, "sample")
      assert.deepEqual(samples, await inLog(current, "demo/machine", samples))
      assert.equal(await textOf(page, "#total-missing"), "0")
      assert.equal(await textOf(page, "#total-twice"), "0")
      await waitForText(page, "#log-state", /^Following\.$/)
    }
    assert.deepEqual(errors, [])
  },
)

test(
  "a response survives a reload, is shown in a second tab, and can be stopped there for both",
  { skip },
  async (t) => {
    const { tabs, errors } = await open(t, 1, await serveEndlessModel(t))
    const [one] = tabs as [Page]
    await click(one, "#chat-send")
    await waitForText(one, ".said", /^0 1 2 /)
    await one.reload()
    await waitForText(one, ".how-state", /^Writing$/)
    await waitForText(one, ".said", /^0 1 2 .* 20 /)

    const two = await openTab(one.browserContext(), one.url(), errors)
    await waitForText(two, ".said", /^0 1 2 .* 40 /)
    assert.equal(await two.$eval("#chat-send", (button) => (button as HTMLElement).hidden), true)
    await click(two, "#chat-stop")
    for (const page of [one, two]) {
      await waitForText(page, ".how-state", /^Stopped\. The text written until then was kept\.$/)
      assert.equal(await page.$eval("#chat-send", (button) => (button as HTMLElement).hidden), false)
    }
    const said = await textOf(one, ".said")
    assert.equal(await textOf(two, ".said"), said)

    // and the chat goes on, in both
    await two.$eval("#chat input", (input) => void (input.value = ""))
    await two.type("#chat input", "And <b>now</b>?")
    await click(two, "#chat-send")
    for (const page of [one, two]) {
      await waitForText(page, ".turn:nth-child(2) .asked", /^And <b>now<\/b>\?$/)
      await waitForText(page, ".turn:nth-child(2) .said", /^0 1 2 /)
    }
    await Promise.all([one.waitForNavigation(), click(one, "#chat-new")])
    await waitForText(one, "#turns", /^No question yet\.$/)
    assert.deepEqual(errors, [])
  },
)

test("a response whose hub is killed is marked as incomplete, and keeps the written part", { skip }, async (t) => {
  const { hub, data, tabs } = await open(t)
  const [page] = tabs as [Page]
  await waitForText(page, "#chat-kill", new RegExp(`^kill -9 ${hub.child.pid}$`))
  await click(page, "#chat-send")
  await waitForText(page, ".said", /sends it word by word/)
  hub.child.kill("SIGKILL")
  await hub.ended
  await waitForText(page, ".how-state", /^Disconnected, reconnecting$/)
  await page.type("#publish input", "to nobody")
  await click(page, "#publish button")
  await waitForText(page, "#publish-result", /^The hub cannot be reached\. Try again later\.$/)
  const next = await serveOnward(t, { data, port: hub.port, env: NO_MODEL })
  await waitForText(page, "#chat-kill", new RegExp(`^kill -9 ${next.child.pid}$`))
  await waitForText(page, "#publish-result", /^The hub can be reached again\. Try again\.$/)
  await waitForText(
    page,
    ".how-state",
    /^Incomplete: the hub stopped while it wrote\. The text written until then was kept\.$/,
  )
  const said = await textOf(page, ".said")
  assert.match(said, /sends it word by word/)
  await page.reload()
  await waitForText(page, ".how-state", /^Incomplete: the hub stopped/)
  assert.equal(await textOf(page, ".said"), said)
  await click(page, "#chat-send")
  await waitForText(page, ".turn:nth-child(2) .said", /sends it word by word/)
})
