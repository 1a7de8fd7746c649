import assert from "node:assert/strict"
import { test } from "node:test"
import { createElement } from "react"
import { renderToString } from "react-dom/server"
import { servePage } from "../client/browsers/page-server.ts"
import { until } from "../client/browsers/until.ts"
import { ShowNumbers } from "./numbers.ts"
import { mount } from "./page.ts"

test("a server renders the state before any event, and requests nothing", async (t) => {
  const site = await servePage(t)
  assert.equal(renderToString(createElement(ShowNumbers, { url: `${site.origin}/events` })), "<p>connecting:</p>")
  assert.equal(renderToString(createElement(ShowNumbers, { url: null })), "<p>idle:</p>")
  // of the page, which a server does not know the address of
  assert.equal(renderToString(createElement(ShowNumbers, { url: "/events" })), "<p>connecting:</p>")
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(site.requests.length, 0)
})

test("a page hydrates the server's output, and continues from there", async (t) => {
  const site = await servePage(t)
  await site.publish(2)
  const node = createElement(ShowNumbers, { url: `${site.origin}/events` })
  const problems: unknown[] = []
  const place = mount(t, node, { html: renderToString(node), onRecoverableError: (error) => problems.push(error) })
  assert.equal(place.text, "connecting:")
  await until("events are shown", () => place.text === "open: 1 2")
  assert.deepEqual(problems, [])
})
