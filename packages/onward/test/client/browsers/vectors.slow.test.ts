import { test } from "node:test"
import { serveFaults } from "../fault-server.ts"
import type { FaultRequest } from "../fault-request.ts"
import { check, inRealTime, isComplete, vectors } from "../run-vector.ts"
import { play, type ScriptAttempt } from "../script.ts"
import type { Seen } from "../start-vector.ts"
import type { Vector } from "../vector.ts"
import { shareBrowsers } from "./browser.ts"
import { ENGINES, missing } from "./find.ts"
import { servePage, type PageServer } from "./page-server.ts"
import type { Tab } from "./tab.ts"
import { until } from "./until.ts"
import "./in-page/globals.ts"

const openBrowser = shareBrowsers()

/** On a busy machine a browser may not even have asked in 60 ms, or take longer than 200 for what should take 120. */
const NEEDS_EXACT_TIME = new Set(["C041", "C059"])
/** WebKitGTK takes the bytes of a header for characters, and encodes them again: no page can send "é" as UTF-8. */
const BEYOND_WEBKIT = new Set(["C011"])

/** `fetch` drops what a page has not read when the connection is cut; 40 ms may be too short for one that shares two cores. */
const READING = 1_000

function unhurried(vector: Vector): Vector {
  const isCut = ({ body = [] }: ScriptAttempt): boolean => /"(RESET|TRUNC)"/.test(JSON.stringify(body))
  if (!vector.server.some(isCut)) return vector
  const server = vector.server.map((attempt) => ({
    ...attempt,
    body: (attempt.body ?? []).map((item) => (typeof item !== "string" && "wait" in item ? { wait: READING } : item)),
  }))
  return { ...vector, server, runMs: vector.runMs + READING }
}

/**
 * Firefox 140 decides about a response without a usable Content-Type only after 512 bytes or its end: until then neither its own EventSource
 * nor `fetch` answers. There such a response gets enough bytes, in a comment.
 */
const ENOUGH_TO_SNIFF = `:${" ".repeat(1_024)}\n`

function withEnoughToSniff(vector: Vector): Vector {
  const server = vector.server.map((attempt) =>
    attempt.headers?.["content-type"] === ""
      ? { ...attempt, body: [ENOUGH_TO_SNIFF, ...(attempt.body ?? [])] }
      : attempt,
  )
  return { ...vector, server }
}

/** Whether this browser waits for bytes of a response that has no type. One too busy to say so gets the bytes, too. */
async function sniffs(tab: Tab, site: PageServer): Promise<boolean> {
  site.on("/untyped", (_, res) => res.writeHead(200, { "content-type": "" }).write("data: 1\n\n"))
  return tab.evaluate(async () => {
    const giveUp = new AbortController()
    const answered = fetch("/untyped", { signal: giveUp.signal }).then(() => false)
    const silent = new Promise<boolean>((resolve) => setTimeout(resolve, 1_000, true))
    const result = await Promise.race([answered, silent])
    answered.catch(() => {})
    giveUp.abort()
    return result
  })
}

/** The page is of another origin, so the client's first request has the id in its query, where it needs no CORS preflight. */
function withIdOfQuery(request: FaultRequest): FaultRequest {
  const id = new URLSearchParams(request.path.split("?")[1]).get("last_event_id")
  if (id === null) return request
  const bytes = Buffer.from(id).toString("latin1")
  return { ...request, headers: { "last-event-id": bytes, ...request.headers } }
}

/** On a busy machine one more connection may have been made than the vector tells of, which is answered like the last one. */
function inItsTime({ server, expect }: Vector, seen: Seen, requests: number): Seen {
  return requests > server.length ? { ...seen, events: seen.events.slice(0, expect.events?.length) } : seen
}

for (const engine of ENGINES) {
  test(`the client's vectors in ${engine}`, { skip: missing(engine), concurrency: true }, async (t) => {
    const site = await servePage(t)
    const tab = await (await openBrowser(engine, t)).open(site.pageUrl())
    const adapt = (await sniffs(tab, site)) ? withEnoughToSniff : (vector: Vector) => vector
    const running = vectors
      .filter(({ id }) => !NEEDS_EXACT_TIME.has(id) && !(engine === "webkit" && BEYOND_WEBKIT.has(id)))
      .map(inRealTime)
      .map(unhurried)
      .map(adapt)
      .map((vector) =>
        t.test(`${vector.id} ${vector.name}: ${vector.why}`, async (t) => {
          const server = await serveFaults(t, play(vector.server), { cors: true })
          await tab.evaluate((vector, url) => page.startVector(vector, url), vector, server.url)
          await new Promise((resolve) => setTimeout(resolve, vector.runMs))
          await until(
            vector.name,
            () => tab.evaluate((id) => page.seenOf(id), vector.id),
            (seen) => isComplete(vector, seen, server),
          )
          const seen = await tab.evaluate((id) => page.endVector(id), vector.id)
          const requests = server.requests.map(withIdOfQuery)
          check(vector, inItsTime(vector, seen, requests.length), { ...server, requests })
        }),
      )
    await Promise.all(running)
  })
}
