import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test, type TestContext } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import type * as client from "onward/client"
import { missing } from "../../../onward/test/client/browsers/find.ts"
import { servePage, type PageServer } from "../../../onward/test/client/browsers/page-server.ts"
import { openTab, shareChromium } from "../browser.ts"
import { publish, testServer, type TestServer } from "../server.ts"
import { ADMIN_AUTH, ADMIN_KEY, bearer, PUBLISH_KEY, signToken } from "./tokens.ts"

const openBrowser = shareChromium()

type Client = typeof client

const TOPIC = "users/ada/mail"
const skip = missing("chromium") ?? false

async function until(is: () => boolean): Promise<void> {
  while (!is()) await sleep(20)
}

/** An application, and a hub of another origin that allows its pages. */
async function deploy(t: TestContext): Promise<{ site: PageServer; hub: TestServer }> {
  const site = await servePage(t)
  const hub = await testServer(t, {
    auth: { ...ADMIN_AUTH, tickets: { secret: "a secret of more than thirty-two bytes, for tickets" } },
    cors: { origins: [site.origin] },
    log: "memory:",
  })
  return { site, hub }
}

const say = (hub: TestServer, data: string): Promise<unknown> =>
  publish(hub.url, { topic: TOPIC, data }, bearer(PUBLISH_KEY))

test("in Chromium, stream() continues with a new token when the last one has expired", { skip }, async (t) => {
  const { site, hub } = await deploy(t)
  const tokens = { count: 0 }
  site.on("/token", (_, res) => {
    const exp = Math.floor(Date.now() / 1_000) + (++tokens.count === 1 ? 2 : 300)
    void signToken({ exp, onward: { subscribe: ["users/ada/*"] } }).then((token) => res.end(token))
  })
  const page = await openTab(await openBrowser(t), site.pageUrl(), [])
  await say(hub, "1")
  const reading = page.evaluate(async (url) => {
    const { stream } = (globalThis as unknown as { onward: Client }).onward
    const headers = async () => ({ authorization: `Bearer ${await (await fetch("/token")).text()}` })
    const heard: string[] = []
    for await (const { data } of stream(url, { headers })) if (heard.push(data) === 3) break
    return heard
  }, `${hub.url}/events?topic=${TOPIC}&last=1`)
  await until(() => tokens.count === 2)
  await say(hub, "2")
  await say(hub, "3")
  assert.deepEqual(await reading, ["1", "2", "3"])
})

test("in Chromium, the snippet for tickets resumes with a new ticket when the stream ends", { skip }, async (t) => {
  const { site, hub } = await deploy(t)
  const tickets = { count: 0 }
  site.on("/my-app/ticket", (_, res) => {
    const body = new URLSearchParams({ userId: "ada", topic: TOPIC, expiresIn: ++tickets.count === 1 ? "1" : "300" })
    void fetch(`${hub.url}/auth/tickets`, { method: "POST", headers: bearer(ADMIN_KEY), body }).then(async (answer) =>
      res.setHeader("content-type", "application/json").end(await answer.text()),
    )
  })
  const docs = readFileSync(new URL("../../../../docs/hub-auth.md", import.meta.url), "utf8")
  const [, snippet = ""] = /```js\n(let lastEventId.*?)```/s.exec(docs) ?? []
  const changed = snippet
    .replace("`/events?", `\`${hub.url}/events?`)
    .replace("(lastEventId = event.lastEventId)", "{ heard.push(event.data); lastEventId = event.lastEventId }")
  assert.match(changed, /127\.0\.0\.1[^]*heard/, "the snippet has changed: change this test too")
  const page = await openTab(await openBrowser(t), site.pageUrl(), [])
  await page.evaluate(`globalThis.heard = []; ${changed}; void connect()`)
  const heard = (count: number): Promise<unknown> =>
    page.waitForFunction((count) => (globalThis as unknown as { heard: string[] }).heard.length >= count, {}, count)
  await until(() => tickets.count > 0)
  // the first ticket's stream may not be open yet
  for (let at = 0; (await page.evaluate("heard.length")) === 0; at++) await say(hub, `before ${at}`)
  await until(() => tickets.count === 2)
  const before = Number(await page.evaluate("heard.length"))
  await say(hub, "after")
  await heard(before + 1)
  const all = (await page.evaluate("heard")) as string[]
  assert.equal(all.at(-1), "after")
  assert.deepEqual(all, [...new Set(all)], "nothing twice")
})
