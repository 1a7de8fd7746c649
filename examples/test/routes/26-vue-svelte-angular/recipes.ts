// Runs each recipe of docs/frameworks-client.md in its framework, with the DOM of happy-dom, against a server of this process.
import assert from "node:assert/strict"
import { once } from "node:events"
import { readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { stripTypeScriptTypes } from "node:module"
import { setTimeout as sleep } from "node:timers/promises"
import { Window } from "happy-dom"
import { createHub } from "onward"
import { sse } from "onward/node"

process.chdir(import.meta.dirname)

const hub = createHub()
const server = createServer((req, res) => sse(req, res, hub.subscribe({ topics: [req.url ?? ""], from: "earliest" })))
await once(server.listen(0, "127.0.0.1"), "listening")

const window = new Window({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` })
const {
  document,
  location,
  Comment,
  DocumentFragment,
  Element,
  HTMLElement,
  HTMLMediaElement,
  Node,
  SVGElement,
  Text,
} = window
Object.assign(globalThis, {
  window,
  document,
  location,
  Comment,
  DocumentFragment,
  Element,
  HTMLElement,
  HTMLMediaElement,
  Node,
  SVGElement,
  Text,
})

// frameworks look for a document when they are loaded
const { createApp } = await import("vue")
const { compileScript, parse } = await import("vue/compiler-sfc")
const { mount, unmount } = await import("svelte")
const { compile, compileModule } = await import("svelte/compiler")
await import("@angular/compiler")
const { createEnvironmentInjector, PLATFORM_ID, runInInjectionContext } = await import("@angular/core")
const { eventStream } = await import("./angular.ts")

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    assert.ok(tries < 1_000, `waited in vain: ${what}`)
    await sleep(10)
  }
}

/** What a module exports, after it was compiled to JavaScript. */
async function load(file: string, code: string): Promise<{ default: never }> {
  writeFileSync(file, code)
  return import(new URL(file, import.meta.url).href)
}

const read = (file: string): string => readFileSync(file, "utf8")
const target = (): HTMLElement => document.body.appendChild(document.createElement("div")) as unknown as HTMLElement

interface Shown {
  text(): string | null
  unmount(): unknown
}

let price = 0

/** A component shows what was published before and after it was mounted, and disconnects when it is unmounted. */
async function check(name: string, show: () => Promise<Shown>): Promise<void> {
  price++
  await hub.publish({ topic: "/prices", data: { symbol: "A", price } })
  const shown = await show()
  await until(`${name} shows history`, () => shown.text()?.includes(`A ${price}`) === true)
  await hub.publish({ topic: "/prices", data: { symbol: "B", price } })
  await until(`${name} shows an event`, () => shown.text()?.includes(`B ${price}`) === true)
  assert.ok(!shown.text()?.includes("connecting"))
  assert.equal(hub.stats().connections, 1)
  shown.unmount()
  await until(`${name} disconnects`, () => hub.stats().connections === 0)
  console.log(`${name}: ok`)
}

await check("vue", async () => {
  const { descriptor } = parse(read("prices.vue"))
  const { content } = compileScript(descriptor, { id: "prices", inlineTemplate: true })
  const { default: Prices } = await load("prices.vue.ts", content.replace('"./vue"', '"./vue.ts"'))
  const place = target()
  const app = createApp(Prices)
  app.mount(place)
  return { text: () => place.textContent, unmount: () => app.unmount() }
})

await check("svelte", async () => {
  const recipe = stripTypeScriptTypes(read("event-stream.svelte.ts"))
  writeFileSync("event-stream.svelte.js", compileModule(recipe, { filename: "event-stream.svelte.js" }).js.code)
  const { default: Prices } = await load(
    "prices.svelte.js",
    compile(read("prices.svelte"), { filename: "Prices.svelte" }).js.code,
  )
  const place = target()
  const mounted = mount(Prices, { target: place })
  return { text: () => place.textContent, unmount: () => unmount(mounted) }
})

// its component is compiled, and what the component calls runs here
await check("angular", async () => {
  const providers = [{ provide: PLATFORM_ID, useValue: "browser" }]
  const injector = createEnvironmentInjector(providers, null)
  const { data, status } = runInInjectionContext(injector, () =>
    eventStream("/prices", "", (text, event) => `${text} ${Object.values(event.json<object>()).join(" ")}`),
  )
  return { text: () => `${status().state} ${data()}`, unmount: () => injector.destroy() }
})

await hub.close()
server.close()
server.closeAllConnections()
await window.happyDOM.close()
