import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { test, type TestContext } from "node:test"
import { sse } from "../../../src/adapters/node.ts"
import type { CorsOptions } from "../../../src/server/index.ts"
import { shareBrowsers } from "./browser.ts"
import { missing } from "./find.ts"

const openBrowser = shareBrowsers()

async function serve(t: TestContext, listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

/** Runs in a page: by which of the ways it can read the stream, with and without cookies. */
async function readable(url: string): Promise<string[]> {
  const ways: string[] = []
  for (const credentials of ["omit", "include"] as const) {
    const text = await fetch(url, { credentials }).then(
      (response) => response.text(),
      () => "",
    )
    if (text.includes("private")) ways.push(`fetch, ${credentials}`)
    const withCredentials = credentials === "include"
    const source = new EventSource(url, { withCredentials })
    const isRead = await new Promise<boolean>((resolve) => {
      source.onmessage = () => resolve(true)
      source.onerror = () => resolve(false)
    })
    source.close()
    if (isRead) ways.push(`EventSource, ${credentials}`)
  }
  return ways
}

const PLAIN = ["fetch, omit", "EventSource, omit"]
const ALL = [...PLAIN, "fetch, include", "EventSource, include"]

test(
  "in Chromium a page reads the streams of another origin if it is listed there, with cookies if credentials are enabled",
  { skip: missing("chromium") },
  async (t) => {
    const page: RequestListener = (req, res) => {
      const sandbox = req.url === "/sandboxed" && { "content-security-policy": "sandbox allow-scripts" }
      res.writeHead(200, { "content-type": "text/html", ...sandbox }).end("<title>x</title>")
    }
    const [one, two] = [await serve(t, page), await serve(t, page)]
    const origins = [`http://127.0.0.1:${one}`]
    const policies: Readonly<Record<string, CorsOptions | undefined>> = {
      none: undefined,
      listed: { origins },
      "listed-with-cookies": { origins, credentials: true },
      any: { origins: "*" },
    }
    async function* once() {
      yield "private"
    }
    const streams = await serve(t, (req, res) => {
      const cors = policies[(req.url ?? "").slice(1)]
      sse(req, res, once, cors ? { cors } : {})
    })
    const tab = await (await openBrowser("chromium", t)).open("about:blank")

    const strangers = { none: [], listed: [], "listed-with-cookies": [], any: PLAIN }
    const pages: Readonly<Record<string, Readonly<Record<string, string[]>>>> = {
      [`http://127.0.0.1:${one}/`]: { none: [], listed: PLAIN, "listed-with-cookies": ALL, any: PLAIN },
      // another port, another name for the same machine, and a page that has no origin
      [`http://127.0.0.1:${two}/`]: strangers,
      [`http://localhost:${one}/`]: strangers,
      [`http://127.0.0.1:${one}/sandboxed`]: strangers,
    }
    for (const [url, expected] of Object.entries(pages)) {
      await tab.goto(url)
      for (const [policy, ways] of Object.entries(expected)) {
        const found = await tab.evaluate(readable, `http://127.0.0.1:${streams}/${policy}`)
        assert.deepEqual(new Set(found), new Set(ways), `${url} reads ${policy}`)
      }
    }
  },
)
