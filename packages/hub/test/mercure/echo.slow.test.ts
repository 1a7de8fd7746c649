import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { test } from "node:test"
import { missing } from "../../../onward/test/client/browsers/find.ts"
import { shareChromium } from "../browser.ts"
import { DETAIL, mercureHub, tokenOf } from "./mercure-hub.ts"

const openBrowser = shareChromium()

const ROOM = "https://laravel.alt/echo/channel/presence-room"
const API = "/.well-known/mercure/subscriptions"

/** What a page of Laravel Echo found out. */
interface Seen {
  readonly snapshot: readonly string[]
  readonly joined: readonly string[]
  readonly whispers: readonly string[]
  readonly whispered: number
  readonly foreign: number
}

test(
  "in Chromium, the calls of Laravel Echo join a presence channel, whisper, and see others join, by a cookie",
  { skip: missing("chromium") },
  async (t) => {
    const app = createServer((_, res) => res.setHeader("content-type", "text/html").end("<p>app")).listen(
      0,
      "127.0.0.1",
    )
    t.after(() => void app.close().closeAllConnections())
    await once(app, "listening")
    // one site with two hosts
    const page = `http://app.example.localhost:${(app.address() as AddressInfo).port}`
    const hub = await mercureHub(
      t,
      { subscriptions: true, anonymous: false, publishOrigins: [page] },
      { publicUrls: ["http://hub.example.localhost"], cors: { origins: [page], credentials: true } },
    )
    const url = `http://hub.example.localhost:${hub.port}`
    const browsers = await Promise.all(
      ["Ada", "Bob"].map(async (name) => {
        const browser = await openBrowser(t)
        const pattern = `${API}/:match_type/${encodeURIComponent(ROOM)}/:subscriber`
        const topics = [
          { match: ROOM },
          { match: `${API}/exact/${encodeURIComponent(ROOM)}` },
          { match: pattern, match_type: "urlpattern" },
        ]
        const details = [
          { type: DETAIL, actions: ["subscribe"], topics, payload: { name } },
          { type: DETAIL, actions: ["publish"], topics: [{ match: ROOM }] },
        ]
        const value = await tokenOf(1, { claims: { sub: name, authorization_details: details } })
        const cookie = {
          name: "__Secure-mercure_access_token",
          value,
          domain: "hub.example.localhost",
          path: "/",
          secure: true,
          httpOnly: true,
        }
        await browser.setCookie({ ...cookie, sameSite: "Strict" })
        const tab = await browser.newPage()
        await tab.goto(page)
        return tab
      }),
    )
    const [ada, bob] = browsers
    const settings = { url, room: ROOM, api: API }
    const first = ada?.evaluate(joinAsEcho, { ...settings, awaits: "Bob" })
    await ada?.waitForFunction(() => document.title === "joined")
    const second = await bob?.evaluate(joinAsEcho, { ...settings, awaits: "" })
    const seen = (await first) as Seen
    assert.deepEqual(seen.snapshot, ["Ada"])
    assert.deepEqual(seen.joined, ["Ada", "Bob"])
    assert.deepEqual(seen.whispers, ["hello of Bob"])
    assert.deepEqual([second?.snapshot.toSorted(), second?.whispered], [["Ada", "Bob"], 200])
    // the page reads the status of an error too
    assert.deepEqual([seen.foreign, second?.foreign], [403, 403])
  },
)

/** In a page: opens the stream of a presence channel, reads who is there, whispers, and waits for another user. */
async function joinAsEcho({
  url,
  room,
  api,
  awaits,
}: {
  url: string
  room: string
  api: string
  awaits: string
}): Promise<Seen> {
  interface Subscription {
    readonly match_type: string
    readonly active: boolean
    readonly payload?: { readonly name: string }
  }
  const hub = `${url}/.well-known/mercure`
  const encoded = encodeURIComponent(room)
  const query = new URLSearchParams([
    ["match", room],
    ["match_urlpattern", `${api}/:match_type/${encoded}/:subscriber`],
  ])
  const joined: string[] = []
  const whispers: string[] = []
  let snapshot: string[] = []
  const source = new EventSource(`${hub}?${String(query)}`, { withCredentials: true })
  await new Promise<void>((resolve, reject) => {
    source.addEventListener("error", () => source.readyState === EventSource.CLOSED && reject(new Error("closed")))
    source.addEventListener("message", ({ data }) => whispers.push(String(data)))
    source.addEventListener("mercure", ({ data }) => {
      const { match_type: type, active, payload } = JSON.parse(String(data)) as Subscription
      if (type === "exact" && active && payload) joined.push(payload.name)
    })
    source.addEventListener("open", () => {
      void fetch(`${url}${api}/exact/${encoded}`, { credentials: "include" })
        .then((response) => response.json())
        .then(({ subscriptions }: { subscriptions: Subscription[] }) => {
          snapshot = subscriptions.flatMap(({ payload }) => (payload ? [payload.name] : []))
          document.title = "joined"
          resolve()
        }, reject)
    })
  })
  const send = (topic: string, data: string): Promise<number> =>
    fetch(hub, {
      method: "POST",
      credentials: "include",
      body: new URLSearchParams({ topic, data, private: "on" }),
    }).then(({ status }) => status)
  const whispered = awaits === "" ? await send(room, "hello of Bob") : 0
  const foreign = await send("https://laravel.alt/echo/channel/other", "no")
  const isOver = (): boolean => awaits === "" || (joined.includes(awaits) && whispers.length > 0)
  while (!isOver()) await new Promise((resolve) => void setTimeout(resolve, 20))
  source.close()
  return { snapshot, joined, whispers, whispered, foreign }
}
