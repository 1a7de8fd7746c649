import type { IncomingMessage, ServerResponse } from "node:http"
import type { Hub, Log } from "onward"
import { sse } from "onward/node"
import type { Bodies } from "../body.ts"
import { createFiles } from "../files.ts"
import { HttpError } from "../http-error.ts"
import { parseJson } from "../json.ts"
import { sendLibrary } from "../library.ts"
import { SECURITY_HEADERS, sendJson } from "../respond.ts"
import { READ, WRITE, type Route } from "../route.ts"
import { createChat } from "./chat.ts"
import { sendDocs } from "./docs.ts"
import { followFile } from "./follow-file.ts"
import { createMachine } from "./machine.ts"
import { modelFrom } from "./model.ts"
import { createNumbered } from "./numbered.ts"
import { createTabs } from "./tabs.ts"

/** Reconnect delay, in ms. Short, so that a visitor hardly notices a cut. */
const RETRY_MS = 1_000
const SAMPLE_MS = 1_000
/** Number of events published while a tab is disconnected. */
const WHILE_CUT = 100
const BURST = { batches: 30, batch: 100, bytes: 4_096 }

export interface DemoOptions {
  readonly hub: Hub
  readonly log: Log
  readonly accessLogPath: string
  readonly onError: (error: unknown) => void
}

/** The demo page at `/` with its endpoints. All its data goes through the hub and its log, like the events of any application. */
export interface Demo {
  /** Remembers the tab of a stream, if the URL names one. */
  follow(req: IncomingMessage, res: ServerResponse, url: URL): void
  routes(bodies: Bodies): [path: string, route: Route][]
  /** Sends a file of the page or of the library. Returns false if the path is not one. */
  sendFile(res: ServerResponse, path: string): Promise<boolean>
  close(): Promise<void>
}

export async function createDemo({ hub, log, accessLogPath, onError }: DemoOptions): Promise<Demo> {
  const tabs = createTabs()
  const files = createFiles(new URL("../../page/", import.meta.url))
  const chat = createChat({ hub, log, model: modelFrom(process.env), onError })
  // the page shows the command that kills the hub
  const about = { model: chat.model ?? null, pid: process.pid }
  const closing = new AbortController()
  const machine = createMachine()
  const samples = await createNumbered(hub, log, "demo/machine", "sample")
  const counts = await createNumbered(hub, log, "demo/count", "count")
  const bursts = await createNumbered(hub, log, "demo/burst", "burst")
  let isSampling = false
  let isBursting = false

  async function sample(): Promise<void> {
    const measured = machine.sample()
    // nothing is published without visitors, or while the log is slow
    if (!tabs.isWatched || isSampling) return
    isSampling = true
    await samples([{ at: Date.now(), ...measured }]).catch(onError)
    isSampling = false
  }
  const sampling = setInterval(() => void sample(), SAMPLE_MS)

  const tabOf = (url: URL): string | null => url.searchParams.get("tab")

  async function cut(res: ServerResponse, url: URL): Promise<void> {
    const streams = tabs.cut(tabOf(url))
    if (streams === 0) throw new HttpError(404, "no_such_tab", "This tab has no open stream. Reload the page.")
    const published = await counts(Array.from({ length: WHILE_CUT }, () => ({})))
    sendJson(res, 200, { streams, ...published })
  }

  async function burst(res: ServerResponse): Promise<void> {
    if (isBursting) throw new HttpError(429, "busy", "A burst is being published. Retry when it is complete.")
    isBursting = true
    try {
      const { batches, batch, bytes } = BURST
      const data = Array.from({ length: batch }, () => ({ padding: "x".repeat(bytes) }))
      const { first, last: end } = await bursts(data)
      let last = end
      for (let done = 1; done < batches; done++) ({ last } = await bursts(data))
      sendJson(res, 200, { first, last, bytes: batches * batch * bytes })
    } finally {
      isBursting = false
    }
  }

  async function ask(bodies: Bodies, req: IncomingMessage, res: ServerResponse): Promise<void> {
    if (!/^application\/json\b/.test(req.headers["content-type"] ?? "")) {
      throw new HttpError(415, "unsupported_media_type", "Send application/json.")
    }
    await bodies.read(req, res, async (text) => {
      const { chat: name, prompt } = Object(parseJson(text)) as { readonly chat?: unknown; readonly prompt?: unknown }
      sendJson(res, 202, await chat.ask(name, prompt))
    })
  }

  /** Streams an answer from any position, or stops it for all viewers. */
  async function answerRun(req: IncomingMessage, res: ServerResponse, url: URL): Promise<void> {
    const id = url.searchParams.get("id") ?? ""
    if (req.method === "DELETE") {
      const outcome = await chat.runs.stop(id)
      if (outcome === "unknown")
        throw new HttpError(404, "no_such_run", "This answer does not exist, or is no longer stored. Ask again.")
      return sendJson(res, 200, { outcome })
    }
    tabs.add(tabOf(url), "run", res)
    sse(req, res, chat.runs.source(id), { retry: RETRY_MS, headers: SECURITY_HEADERS })
  }

  function followLog(req: IncomingMessage, res: ServerResponse, url: URL): void {
    tabs.add(tabOf(url), "log", res)
    sse(
      req,
      res,
      ({ lastEventId, signal }) => followFile(accessLogPath, lastEventId, AbortSignal.any([signal, closing.signal])),
      // the file has no end: when the hub closes, clients reconnect
      { end: false, retry: RETRY_MS, headers: SECURITY_HEADERS, onError },
    )
  }

  return {
    follow(_req, res, url) {
      const isBurst = url.searchParams.getAll("topic").includes("demo/burst")
      tabs.add(tabOf(url), isBurst ? "burst" : "events", res)
    },
    routes: (bodies) => [
      ["/demo/about", { methods: READ, answer: (_, res) => sendJson(res, 200, about) }],
      ["/demo/log", { methods: READ, answer: followLog }],
      ["/demo/run", { methods: [...READ, "DELETE"], answer: answerRun }],
      [
        "/demo/chat",
        {
          methods: [...READ, ...WRITE],
          async answer(req, res, url) {
            if (req.method === "POST") return ask(bodies, req, res)
            sendJson(res, 200, { turns: await chat.turns(url.searchParams.get("id")) })
          },
        },
      ],
      ["/demo/cut", { methods: WRITE, answer: (_, res, url) => cut(res, url) }],
      ["/demo/burst", { methods: WRITE, answer: (_, res) => burst(res) }],
      [
        "/demo/stats",
        {
          methods: READ,
          answer: (_, res, url) =>
            sendJson(res, 200, { ...hub.stats(), burst: tabs.stateOf(tabOf(url), "burst") ?? null }),
        },
      ],
    ],
    async sendFile(res, path) {
      const name = path === "/" ? "index.html" : path.slice(1)
      if (!files.has(name)) return (await sendDocs(res, path)) || sendLibrary(res, path)
      await files.send(res, name)
      return true
    },
    async close() {
      clearInterval(sampling)
      machine.close()
      closing.abort()
      await chat.close()
    },
  }
}
