import assert from "node:assert/strict"
import type { IncomingMessage, ServerResponse } from "node:http"
import { test } from "node:test"
import { sse } from "../../src/adapters/node.ts"
import { createRuns, text } from "../../src/runs/index.ts"
import type * as client from "../../src/run-client/index.ts"
import { shareBrowsers } from "../client/browsers/browser.ts"
import { ENGINES, missing } from "../client/browsers/find.ts"
import { servePage } from "../client/browsers/page-server.ts"

const openBrowser = shareBrowsers()

/** What the page tells of a run it has read. */
interface Seen {
  readonly said: string
  readonly status: string
  readonly lastEventId: string
  readonly resumes: number
}

/** Runs in the page: reads a run to its end, or leaves once it has so many characters. */
async function readInPage(method: string, lastEventId: string, most: number): Promise<Seen> {
  const load = (path: string): Promise<unknown> => import(path)
  const { openRun } = (await load("/src/run-client/index.ts")) as typeof client
  const formats = (await load("/src/runs/formats/text.ts")) as { text: typeof text }
  const run = openRun({ url: "/runs/a", method, lastEventId, format: formats.text(), retry: { base: 1 } })
  let said = ""
  for await (const frame of run.frames) {
    said += typeof frame === "string" ? frame : `[${frame.status}]`
    if (said.length >= most) break
  }
  return { said, status: run.status, lastEventId: run.lastEventId, resumes: run.metrics.resumes }
}

// what is below, `stream`, is tested in all of them; Firefox takes its time to start
for (const engine of ENGINES.filter((name) => name !== "firefox")) {
  test(
    `in ${engine}, a response resumes over a cut and over a reload of its page`,
    { skip: missing(engine) },
    async (t) => {
      const words = Array.from({ length: 60 }, (_, n) => `${n} `)
      await using runs = createRuns({ format: text(), flush: { interval: 1 } })
      const site = await servePage(t)
      let asked = 0
      site.on("/runs/a", (req: IncomingMessage, res: ServerResponse) => {
        const start = async function* () {
          for (const word of words) {
            yield word
            await new Promise((resolve) => setTimeout(resolve, 20))
          }
        }
        void runs.start("a", start).then(() => {
          sse(req, res, runs.source("a"), { retry: 1 })
          // the first connection is cut in the middle
          if (asked++ === 0) setTimeout(() => req.socket.destroy(), 150)
        })
      })
      const tab = await (await openBrowser(engine, t)).open(site.pageUrl())
      const first = await tab.evaluate(readInPage, "POST", "", 60)
      assert.equal(first.status, "detached")
      assert.ok(first.resumes >= 1, "it was cut, and carried on")
      await tab.goto(site.pageUrl())
      const rest = await tab.evaluate(readInPage, "GET", first.lastEventId, 10_000)
      assert.equal(first.said + rest.said, words.join("") + "[completed]")
      assert.equal(rest.status, "completed")
    },
  )
}
