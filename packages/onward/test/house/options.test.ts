import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { after, test } from "node:test"
import { createElement } from "react"
import { renderToString } from "react-dom/server"
import { createHub, defineEvents, memoryLog, type Schema } from "onward"
import { EventSource, pollingFetch, stream } from "onward/client"
import { sse as h3Sse } from "onward/h3"
import { sse as honoSse } from "onward/hono"
import { ssePlugin } from "onward/fastify"
import { createBatcher, createWatchers } from "onward/log/driver"
import { logCases } from "onward/log/suite"
import { createAttendance } from "onward/attendance"
import { eventStore, resume } from "onward/mcp"
import { natsLog } from "onward/nats"
import { toJsonSchemas, toOpenApi } from "onward/openapi"
import { sse as nestSse } from "onward/nest"
import { sse as nodeSse } from "onward/node"
import { postgresLog } from "onward/postgres"
import { createParser, createParserStream, encode, parse } from "onward/protocol"
import { useEventStream } from "onward/react"
import { redisLog } from "onward/redis"
import { createRuns, text } from "onward/runs"
import { chatTransport, openRun } from "onward/runs/client"
import { createResumableStreamContext } from "onward/runs/resumable-stream"
import { sqliteLog } from "onward/sqlite"
import { connect, createClock } from "onward/testing"
import { sse as webSse } from "onward/web"
import { createNodeExchange } from "../adapters/misuse-exchange.ts"
import { packageRoot } from "./imports.ts"

const hub = createHub()
const runs = createRuns({ hub, format: text() })
const price: Schema = { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) } }
const events = defineEvents({ price })
const url = "http://localhost/"
const request = new Request(url)
const context = { req: { raw: request }, env: undefined, newResponse: () => new Response() }
after(async () => {
  await runs.close()
  await hub.close()
})
async function* words(): AsyncGenerator<string> {}

/** A call of each entry function that takes options, with slips: what was meant follows them. */
const CALLS: Readonly<Record<string, (options: never) => unknown>> = {
  createHub,
  subscribe: (options) => hub.subscribe(options),
  drain: (options) => hub.drain(options),
  streams: (options) => hub.streams(options),
  disconnect: (options) => hub.disconnect("1", options),
  publish: (options) => hub.publish(options),
  publishMany: (options) => hub.publishMany([options]),
  "events.parse": (options) => events.parse({ event: "price", data: "" }, options),
  "sse of onward/node"(options) {
    const { req, res } = createNodeExchange()
    return nodeSse(req, res, words, options)
  },
  "sse of onward/web": (options) => webSse(request, words, options),
  "sse of onward/hono": (options) => honoSse(context, words, options),
  "sse of onward/h3": (options) => h3Sse({ req: request }, words, options),
  "sse of onward/nest": nestSse,
  ssePlugin: (options) => ssePlugin({} as never, options),
  memoryLog,
  sqliteLog: (options) => sqliteLog("unused.db", options),
  redisLog: (options) => redisLog({} as never, options),
  postgresLog: (options) => postgresLog({} as never, options),
  natsLog: (options) => natsLog({} as never, options),
  createBatcher,
  createWatchers,
  logCases,
  stream: (options) => stream(url, options),
  EventSource: (options) => new EventSource(url, options),
  pollingFetch,
  useEventStream: (options) =>
    renderToString(
      createElement(() => {
        useEventStream(url, options)
        return null
      }),
    ),
  createRuns,
  "runs.start": (options) => runs.start("a", words, options),
  "runs.attach": (options) => runs.attach("a", options),
  "runs.stop": (options) => runs.stop("a", options),
  "runs.delete": (options) => runs.delete("a", options),
  "runs.status": (options) => runs.status("a", options),
  "runs.source": (options) => runs.source("a", options),
  "runs.respond": (options) => runs.respond(request, "a", options),
  openRun,
  chatTransport,
  createResumableStreamContext,
  createAttendance: (options) => createAttendance(hub, options),
  eventStore: (options) => eventStore(hub, options),
  resume: (options) => resume(hub, options),
  encode,
  createParser: (options) => createParser({ onEvent() {} }, options),
  "createParser's handlers": createParser,
  parse: (options) => parse(new ReadableStream(), options),
  createParserStream,
  connect: (options) => connect(() => {}, options),
  createClock,
  toJsonSchemas: (options) => toJsonSchemas(events, options),
  toOpenApi: (options) => toOpenApi(events, options),
}

/** Slips, each with the name that was meant: of options, and of options in options. */
const SLIPS: Readonly<Record<string, readonly [options: object, meant: string][]>> = {
  createHub: [
    [{ heartbeats: 1 }, "heartbeat"],
    [{ limits: { connection: 1 } }, "connections"],
    [{ window: { maxEntrys: 1 } }, "maxEntries"],
    [{ presence: { intervall: 1 } }, "interval"],
  ],
  subscribe: [[{ topic: "a" }, "topics"]],
  drain: [[{ duratoin: 1 }, "duration"]],
  streams: [[{ limits: 1 }, "limit"]],
  disconnect: [[{ ends: true }, "end"]],
  publish: [[{ topic: "a", dta: 1 }, "data"]],
  publishMany: [[{ topic: "a", evnt: "a" }, "event"]],
  "events.parse": [[{ validat: true }, "validate"]],
  ssePlugin: [[{ hubs: hub }, "hub"]],
  memoryLog: [
    [{ retentions: {} }, "retention"],
    [{ count: 10 }, "retention.count"],
    [{ retention: { counts: 1 } }, "count"],
    [{ retention: { topic: { ages: 1 } } }, "age"],
  ],
  sqliteLog: [
    [{ pollinterval: 5 }, "pollInterval"],
    [{ retention: { byte: 1 } }, "bytes"],
  ],
  redisLog: [[{ timeouts: 5 }, "timeout"]],
  postgresLog: [[{ pollinterval: 5 }, "pollInterval"]],
  natsLog: [[{ replica: 5 }, "replicas"]],
  createBatcher: [[{ log: "a", maxMessage: 1 }, "maxMessages"]],
  createWatchers: [[{ starts() {} }, "start"]],
  logCases: [[{ creat: 1 }, "create"]],
  stream: [
    [{ header: {} }, "headers"],
    [{ retry: { attempt: 3 } }, "attempts"],
    [{ shared: { chanel: "a" } }, "channel"],
  ],
  EventSource: [
    [{ withCredential: true }, "withCredentials"],
    [{ retry: { maxx: 3 } }, "max"],
  ],
  pollingFetch: [[{ streamTimout: 1 }, "streamTimeout"]],
  useEventStream: [
    [{ initail: 0 }, "initial"],
    [{ onstatus: 0 }, "onStatus"],
  ],
  createRuns: [
    [{ formt: text() }, "format"],
    [{ format: text(), flush: { intervl: 1 } }, "interval"],
  ],
  "runs.attach": [[{ lastEventid: "" }, "lastEventId"]],
  "runs.source": [[{ locations: "" }, "location"]],
  "runs.respond": [
    [{ onlyactive: true }, "onlyActive"],
    [{ sse: { header: {} } }, "headers"],
  ],
  openRun: [[{ url, format: text(), locaton: "" }, "location"]],
  chatTransport: [[{ format: text(), apii: "" }, "api"]],
  createResumableStreamContext: [[{ keyprefix: "" }, "keyPrefix"]],
  createAttendance: [[{ name: "a", onLeave: () => [], grce: 5 }, "grace"]],
  eventStore: [[{ sessions: "a" }, "session"]],
  resume: [[{ session: "a", protocols: "" }, "protocol"]],
  encode: [[{ data: "", evnt: "" }, "event"]],
  createParser: [[{ maxEventByte: 1 }, "maxEventBytes"]],
  "createParser's handlers": [[{ onEvnt() {} }, "onEvent"]],
  parse: [[{ onComments() {} }, "onComment"]],
  createParserStream: [[{ lasteventid: "" }, "lastEventId"]],
  connect: [[{ paths: "/" }, "path"]],
  createClock: [[{ seeds: 1 }, "seed"]],
  toJsonSchemas: [[{ sides: "input" }, "side"]],
  toOpenApi: [[{ titles: "" }, "title"]],
}

const SSE: readonly [object, string][] = [
  [{ heartbeats: 1 }, "heartbeat"],
  [{ cors: { origin: "*" } }, "origins"],
  [{ compress: { prefers: "zstd" } }, "prefer"],
]
const OWNER: readonly [object, string][] = [[{ ownr: "ada" }, "owner"]]

for (const [name, call] of Object.entries(CALLS)) {
  test(`${name} refuses unknown options, with a suggestion`, async () => {
    const slips = SLIPS[name] ?? (name.startsWith("sse") ? SSE.slice(0, name.endsWith("nest") ? 1 : 3) : OWNER)
    for (const [options, meant] of slips) {
      await assert.rejects(
        async () => call(options as never),
        (error: unknown) => {
          assert.match(String(error), new RegExp(`Did you mean "${meant}"\\?`), JSON.stringify(options))
          // a message may be a client's
          const isMessage = ["publish", "publishMany", "encode"].includes(name)
          assert.equal((error as Error).name, isMessage ? "OnwardError" : "TypeError")
          return true
        },
      )
    }
    if (["publish", "publishMany", "encode"].includes(name)) return
    for (const options of [5_000, "text", [], Promise.resolve({}), new Map(), () => {}]) {
      await assert.rejects(async () => call(options as never), TypeError)
    }
  })
}

/** Functions of public entries that take no options of ours. */
const WITHOUT = new Set([
  "OnwardError",
  "agUi",
  "aiSdk",
  "anthropic",
  "openaiChat",
  "openaiResponses",
  "text",
  "isPattern",
  "encodeComment",
  "encodeRetry",
  "postgresSchema",
  "defineEvents",
  "checkLog",
  "publishedLog",
  "checkMessage",
  "IdIndex",
  "RemovedPositions",
  "createEpoch",
  "createGate",
  "createKeptEntries",
  "createSweeper",
  "idScopeOf",
  "limitsOf",
  "lossOf",
  "merge",
  "readFrom",
  "sizeOf",
  "timeoutOf",
  "formatPosition",
  "inSameEpoch",
  "parsePosition",
  "repeatsOf",
  "framesIn",
  "backupSqliteLog",
  "restoreSqliteLog",
  "eventSchema",
  "openTelemetry",
  "withTraceContext",
])

test("every function of every public entry is checked here", async () => {
  const manifest = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as { exports: object }
  const unknown = new Set<string>()
  for (const [path, conditions] of Object.entries(manifest.exports)) {
    if (typeof conditions === "string") continue
    const entry = (await import(join("onward", path))) as Record<string, unknown>
    for (const [name, value] of Object.entries(entry)) {
      const isKnown = name in CALLS || WITHOUT.has(name) || name === "sse"
      if (typeof value === "function" && !isKnown) unknown.add(`${path} ${name}`)
    }
  }
  assert.deepEqual([...unknown], [])
})
