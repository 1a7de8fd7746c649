import assert from "node:assert/strict"
import { test } from "node:test"
import { Activity, createElement, StrictMode } from "react"
import { servePage } from "../client/browsers/page-server.ts"
import { until } from "../client/browsers/until.ts"
import { open, ShowNumbers, type NumbersProps } from "./numbers.ts"
import { mount } from "./page.ts"

const numbers = (props: NumbersProps) => createElement(ShowNumbers, props)

test("a component shows earlier and new events, each once", async (t) => {
  const site = await servePage(t)
  await site.publish(2)
  const place = mount(t, numbers({ url: `${site.origin}/events` }))
  await until("history is shown", () => place.text === "open: 1 2")
  await site.publish(1)
  await until("news is shown", () => place.text === "open: 1 2 3")
})

test("StrictMode, which mounts everything twice, opens one connection, and requests one token", async (t) => {
  const site = await servePage(t)
  let tokens = 0
  const headers = () => ({ authorization: `token ${++tokens}` })
  const place = mount(t, createElement(StrictMode, null, numbers({ url: `${site.origin}/events`, headers })))
  await site.publish(3)
  await until("events are shown", () => place.text === "open: 1 2 3")
  assert.deepEqual([site.requests.length, tokens], [1, 1])
})

test("unmounting closes the connection", async (t) => {
  const site = await servePage(t)
  const place = mount(t, numbers({ url: `${site.origin}/events` }))
  await until("it is open", () => place.text === "open:")
  place.unmount()
  await until("the server sees it go", () => open(site) === 0)
})

test("another URL is another stream, which starts empty", async (t) => {
  const site = await servePage(t)
  const place = mount(t, numbers({ url: `${site.origin}/events?a` }))
  await site.publish(2)
  await until("events are shown", () => place.text === "open: 1 2")
  site.on("/silence", (_, res) => void res.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders())
  place.render(numbers({ url: `${site.origin}/silence` }))
  await until("nothing of the other is shown", () => place.text === "open:")
  await until("the first connection is closed", () => open(site) === 0)
})

test("another key is another stream of the same URL", async (t) => {
  const site = await servePage(t)
  const url = `${site.origin}/events`
  const place = mount(t, numbers({ url, name: "a" }))
  await site.publish(2)
  await until("events are shown", () => place.text === "open: 1 2")
  place.render(numbers({ url, name: "b" }))
  await until("another request is made", () => site.requests.length === 2 && open(site) === 1)
  await until("it starts again", () => place.text === "open: 1 2")
})

test("options that change with every render keep the connection, and the latest functions are called", async (t) => {
  const site = await servePage(t)
  const url = `${site.origin}/events`
  const heard: string[] = []
  const withToken = (token: string) =>
    numbers({ url, headers: () => (heard.push(token), { authorization: token }), retry: { base: 1 } })
  const place = mount(t, withToken("first"))
  await until("it is open", () => place.text === "open:")
  place.render(withToken("second"))
  place.render(withToken("third"))
  await site.publish(1)
  await until("an event came", () => place.text === "open: 1")
  assert.equal(site.requests.length, 1)
  site.cut()
  await until("it is back", () => site.requests.length === 2 && place.text === "open: 1")
  assert.deepEqual(heard, ["first", "third"])
})

test("without a URL nothing is requested, and an open connection is closed", async (t) => {
  const site = await servePage(t)
  const place = mount(t, numbers({ url: null }))
  await until("it is rendered", () => place.text === "idle:")
  assert.equal(site.requests.length, 0)
  place.render(numbers({ url: `${site.origin}/events` }))
  await until("it is open", () => place.text === "open:")
  place.render(numbers({ url: null }))
  await until("it is closed", () => place.text === "idle:" && open(site) === 0)
})

test("a hidden part of the page has no connection, and resumes when it is shown again", async (t) => {
  const site = await servePage(t)
  const url = `${site.origin}/events`
  const shown = (mode: "visible" | "hidden") =>
    createElement(StrictMode, null, createElement(Activity, { mode, children: numbers({ url }) }))
  const place = mount(t, shown("visible"))
  await site.publish(3)
  await until("events are shown", () => place.text === "open: 1 2 3")
  place.render(shown("hidden"))
  await until("it is closed", () => open(site) === 0)
  await site.publish(3)
  place.render(shown("visible"))
  await until("nothing is lost or doubled", () => place.text === "open: 1 2 3 4 5 6")
  assert.equal(site.requests.length, 2)
  assert.notEqual(site.requests[1]?.lastEventId, undefined)
})

test("a lastEventId kept beside the data is where a later component resumes", async (t) => {
  const site = await servePage(t)
  const url = `${site.origin}/events`
  let kept = ""
  const first = mount(t, numbers({ url, onRender: ({ lastEventId }) => (kept = lastEventId) }))
  await site.publish(3)
  await until("events are shown", () => first.text === "open: 1 2 3")
  first.unmount()
  await site.publish(2)
  const second = mount(t, numbers({ url, lastEventId: kept }))
  await until("only what came since is shown", () => second.text === "open: 4 5")
})

const cannotShare = globalThis.navigator?.locks === undefined && "this Node has no Web Locks"

test("components that share a stream have one connection", { skip: cannotShare }, async (t) => {
  const site = await servePage(t)
  const url = `${site.origin}/events`
  const place = mount(
    t,
    [1, 2, 3].map((key) => createElement(ShowNumbers, { key, url, shared: true })),
  )
  await until("all are open", () => place.text === "open:open:open:")
  await site.publish(2)
  await until("all have everything", () => place.text === "open: 1 2open: 1 2open: 1 2")
  assert.equal(site.most, 1)
})
