import type { ScriptAttempt } from "../../packages/onward/test/client/script.ts"
import { utf8 } from "../../packages/onward/test/client/fault-request.ts"
import type { Answer, Exchange, Observation, Scene } from "./observe.ts"
import type { Task } from "./task.ts"

/** A row of the comparison: a question to which the answer comes from a run. */
export interface Probe extends Scene {
  readonly name: string
  /** The option that is asked for: a client may have it only by a `fetch` of the program's. */
  readonly option?: keyof Task
  /** "yes", or what happened instead. */
  judge(seen: Observation): string
}

const SSE = { "content-type": "text/event-stream" }
const END = { do: "END" } as const
const RESET = { do: "RESET" } as const
const HANG = { do: "HANG" } as const

const ok = (...body: NonNullable<ScriptAttempt["body"]>): ScriptAttempt => ({ status: 200, headers: SSE, body })
const refusal = (status: number, headers = {}): ScriptAttempt => ({ status, headers, body: [END] })
/** Comes back soon, so that nobody waits for what is not asked. */
const SOON = "retry: 20\n\n"

const header = ({ requests }: Observation, index: number, name: string): string | undefined =>
  utf8(requests[index]?.headers[name])
const gap = ({ requests }: Observation): number => (requests[1]?.at ?? NaN) - (requests[0]?.at ?? NaN)
const yes = (isSo: boolean, otherwise: string): string => (isSo ? "yes" : otherwise)
const times = (count: number): string => (count === 1 ? "1 request" : `${count} requests`)

/** In groups, in the order of the table. */
export const probes: readonly Probe[] = [
  {
    name: "POST with a body",
    option: "method",
    task: { method: "POST", body: "{}", headers: { "content-type": "application/json" } },
    server: [ok("data: a\n\n", HANG)],
    runMs: 1_000,
    isComplete: ({ requests }) => requests.length > 0,
    judge: ({ requests }) =>
      yes(requests[0]?.method === "POST" && requests[0].body.toString() === "{}", `sends ${requests[0]?.method}`),
  },
  {
    name: "does not repeat a POST before its first id",
    option: "method",
    task: { method: "POST", body: "{}" },
    server: [ok(SOON, "data: a\n\n", { wait: 20 }, RESET)],
    runMs: 1_500,
    isComplete: ({ requests }) => requests.length > 1,
    judge({ requests }) {
      if (requests[0]?.method !== "POST") return "no POST"
      return yes(requests.length === 1, "no, repeats")
    },
  },
  {
    name: "custom headers",
    option: "headers",
    task: { headers: { "x-own": "1" } },
    server: [ok("data: a\n\n", HANG)],
    runMs: 1_000,
    isComplete: ({ requests }) => requests.length > 0,
    judge: (seen) => yes(header(seen, 0, "x-own") === "1", "no"),
  },
  {
    name: "new headers for each attempt",
    option: "hasToken",
    task: { hasToken: true },
    server: [ok(SOON, "id: 1\ndata: a\n\n", RESET), ok("data: b\n\n", HANG)],
    runMs: 4_000,
    isComplete: ({ requests }) => requests.length > 1,
    judge: (seen) =>
      yes(header(seen, 0, "authorization") === "Bearer t0" && header(seen, 1, "authorization") === "Bearer t1", "no"),
  },
  {
    name: "gets new headers after a 401",
    option: "hasToken",
    task: { hasToken: true },
    server: [refusal(401), ok("data: a\n\n", HANG)],
    runMs: 4_000,
    isComplete: ({ events }) => events.length > 0,
    judge: (seen) => yes(seen.events.length > 0 && header(seen, 1, "authorization") === "Bearer t1", "no, ends"),
  },
  {
    name: "ends at a second 401",
    option: "hasToken",
    task: { hasToken: true },
    server: [refusal(401)],
    runMs: 5_000,
    isComplete: ({ requests, state }) => requests.length > 2 || state === "closed",
    judge(seen) {
      if (header(seen, 0, "authorization") === undefined) return "has no headers"
      if (seen.requests.length === 1) return "never retries"
      return yes(seen.requests.length === 2, "no, retries forever")
    },
  },
  {
    name: "sends no custom headers to another origin on a redirect",
    option: "headers",
    task: { headers: { "x-api-key": "secret" } },
    server: [{ status: 307, headers: { location: { otherOrigin: "/" } }, body: [END] }, ok("data: a\n\n", HANG)],
    runMs: 1_500,
    isComplete: ({ requests }) => requests.length > 1,
    judge(seen) {
      if (header(seen, 0, "x-api-key") === undefined) return "has none"
      return yes(header(seen, 1, "x-api-key") === undefined, "no, sends them")
    },
  },
  {
    name: "starts after a given id",
    option: "lastEventId",
    task: { lastEventId: "7" },
    server: [ok("data: a\n\n", HANG)],
    runMs: 1_000,
    isComplete: ({ requests }) => requests.length > 0,
    judge: (seen) => yes(header(seen, 0, "last-event-id") === "7", "no"),
  },
  {
    name: "reconnects when a response ends, with the last id",
    task: {},
    server: [ok(SOON, "id: 1\ndata: a\n\n", END), ok("data: b\n\n", HANG)],
    runMs: 4_000,
    isComplete: ({ events }) => events.length > 1,
    judge(seen) {
      if (seen.requests.length === 1) return "no, ends"
      return yes(header(seen, 1, "last-event-id") === "1", "no")
    },
  },
  {
    name: "can end with the response",
    task: { reconnectOnEnd: false },
    server: [ok(SOON, "id: 1\ndata: a\n\n", END)],
    runMs: 1_500,
    isComplete: ({ requests }) => requests.length > 1,
    judge: ({ requests }) => yes(requests.length === 1, "no, reconnects"),
  },
  {
    name: "requests a truncated event again",
    task: {},
    server: [ok(SOON, "id: 1\ndata: a\n\nid: 2\ndata: b", { wait: 30 }, RESET), ok("data: c\n\n", HANG)],
    runMs: 4_000,
    isComplete: ({ requests }) => requests.length > 1,
    judge: (seen) => yes(header(seen, 1, "last-event-id") === "1", `no, it is lost`),
  },
  {
    name: "ids beyond Latin-1",
    task: {},
    server: [ok(SOON, "id: …\ndata: a\n\n", RESET), ok("data: b\n\n", HANG)],
    runMs: 4_000,
    isComplete: ({ events }) => events.length > 1,
    judge(seen) {
      if (seen.exit !== undefined) return "no, ends the process"
      if (seen.requests.length === 1) return "no, cannot reconnect"
      return yes(header(seen, 1, "last-event-id") === "…", "no, sends another id")
    },
  },
  {
    name: "stops at 204",
    task: {},
    server: [ok(SOON, "id: 1\ndata: a\n\n", RESET), refusal(204)],
    runMs: 4_000,
    isComplete: ({ requests }) => requests.length > 2,
    judge: ({ requests }) =>
      yes(requests.length === 2, requests.length < 2 ? "did not reconnect" : "no, retries forever"),
  },
  {
    name: "ends at `stream.end`, without another request",
    task: { types: ["stream.end"] },
    server: [ok(SOON, "data: a\n\n", "id: stream.end\nevent: stream.end\ndata: {}\n\n", END), refusal(204)],
    runMs: 1_500,
    isComplete: ({ requests }) => requests.length > 1,
    judge: ({ requests }) => yes(requests.length === 1, "no, reconnects"),
  },
  {
    name: "retries after 503",
    task: { retry: true },
    server: [refusal(503), ok("data: a\n\n", HANG)],
    runMs: 6_000,
    isComplete: ({ events }) => events.length > 0,
    judge: ({ events }) => yes(events.length > 0, "no, ends"),
  },
  {
    name: "respects `Retry-After`",
    task: { retry: true },
    server: [refusal(503, { "retry-after": "4" }), ok("data: a\n\n", HANG)],
    runMs: 7_000,
    isComplete: ({ events }) => events.length > 0,
    judge: (seen) => (seen.requests.length < 2 ? "ends" : yes(gap(seen) >= 3_990, `no, after ${round(gap(seen))} s`)),
  },
  {
    name: "spreads the reconnects of many clients",
    task: { retry: true, consumers: 6 },
    server: cutTogether(6),
    runMs: 4_000,
    isComplete: ({ requests }) => requests.length >= 12,
    judge({ requests }) {
      const back = requests.slice(6).map(({ at }) => at)
      return yes(
        Math.max(...back) - Math.min(...back) > 200,
        `no, all within ${Math.round(Math.max(...back) - Math.min(...back))} ms`,
      )
    },
  },
  {
    name: "backs off while the server is down",
    task: { retry: true, consumers: 6 },
    server: () => {
      const open = cutTogether(6)()
      return async (exchange) => (exchange.index < 6 ? open(exchange) : exchange.reset())
    },
    runMs: 9_000,
    isComplete: ({ requests }) => requests.length > 300,
    judge: ({ requests }) => yes(requests.length < 60, `no, every ${meanGap(requests)} ms`),
  },
  {
    name: "handles a `retry:` above the limit of timers",
    task: {},
    server: [ok("retry: 99999999999\ndata: a\n\n", { wait: 20 }, END)],
    runMs: 1_000,
    judge: ({ requests }) => yes(requests.length === 1, `no, ${times(requests.length)} in a second`),
  },
  {
    name: "keeps the process alive while it reconnects",
    task: { isAlone: true },
    server: [ok("retry: 300\nid: 1\ndata: a\n\n", { wait: 50 }, RESET), ok("data: b\n\n", HANG)],
    runMs: 5_000,
    isComplete: ({ events }) => events.length > 1,
    judge: ({ events, exit }) => yes(events.length > 1, `no, it ends with code ${exit}`),
  },
  {
    name: "survives a listener that throws",
    task: { onEvent: "throw" },
    server: [ok(SOON, "id: 1\ndata: a\n\n", { wait: 100 }, "id: 2\ndata: b\n\n", HANG)],
    runMs: 1_500,
    isComplete: ({ events, caught }) => events.length > 1 || caught > 0,
    judge({ events, exit, caught, requests }) {
      if (caught > 0) return "yes, the loop throws"
      if (exit !== undefined) return "no, ends the process"
      if (requests.length > 1) return "no, reconnects"
      return yes(events.length === 2, "no, nothing comes any more")
    },
  },
  {
    name: "delivers no event after `close()`",
    task: { actions: [{ on: "message", do: "close" }] },
    server: [ok("data: a\n\ndata: b\n\ndata: c\n\n", HANG)],
    runMs: 600,
    judge: ({ events }) => yes(events.length === 1, `no, ${events.length - 1} more events`),
  },
  {
    name: "takes an `AbortSignal`",
    task: { abort: true },
    server: [ok("data: a\n\n", HANG)],
    runMs: 1_500,
    isComplete: ({ requests }) => requests[0]?.closedAt !== undefined,
    judge: ({ requests }) => yes(requests[0]?.closedAt !== undefined && requests.length === 1, "no, only `close()`"),
  },
  {
    name: "errors have a status",
    task: {},
    server: [refusal(403)],
    runMs: 2_500,
    isComplete: ({ failures }) => failures.length > 0,
    judge: ({ failures }) => yes(failures[0]?.status === 403, "no"),
  },
  {
    name: "errors have a code",
    task: {},
    server: [{ status: 200, headers: { "content-type": "text/html" }, body: ["<p>", END] }],
    runMs: 2_500,
    isComplete: ({ failures }) => failures.length > 0,
    judge: ({ failures }) => yes(typeof failures[0]?.code === "string", "no"),
  },
  {
    name: "limits the size of an event",
    task: { maxEventChars: 1_000_000 },
    server: () => async (exchange) => {
      await exchange.open()
      await exchange.write("data: ")
      const part = "x".repeat(1_000_000)
      for (let i = 0; i < 40 && !exchange.isOver; i++) await exchange.write(part)
    },
    runMs: 3_000,
    isComplete: ({ requests, written }) => requests[0]?.closedAt !== undefined || written() > 39e6,
    judge: ({ requests }) => yes(requests[0]?.closedAt !== undefined, "no limit"),
  },
  {
    name: "replaces a silent connection",
    task: { idleTimeout: 200, retry: true },
    server: [ok(SOON, "id: 1\ndata: a\n\n", HANG)],
    runMs: 3_000,
    isComplete: ({ requests }) => requests.length > 1,
    judge: ({ requests }) => yes(requests.length > 1, "no"),
  },
  {
    name: "backpressure",
    task: { onEvent: "hold" },
    server: () => async (exchange) => {
      await exchange.open()
      const part = `data: ${"x".repeat(184)}\n\n`.repeat(340)
      for (let i = 0; i < 1_500 && !exchange.isOver; i++) await exchange.write(part)
    },
    runMs: 3_000,
    isComplete: ({ written }) => written() > 40e6,
    // sockets alone hold some
    judge: ({ written }) => yes(written() < 8e6, "no, reads on"),
  },
  {
    name: "one connection for several tabs",
    task: { shared: true, consumers: 3 },
    server: () => async (exchange) => {
      await exchange.open()
      await exchange.wait(700)
      await exchange.write("id: 1\ndata: a\n\n")
    },
    runMs: 1_500,
    judge: ({ requests, events }) => yes(requests.length === 1 && events.length === 3, `no, ${requests.length} for 3`),
  },
  {
    name: "keeps a stream that is silent for five minutes",
    task: {},
    server: [ok(SOON, "id: 1\ndata: a\n\n", HANG)],
    runMs: 320_000,
    isComplete: ({ requests }) => requests.length > 1,
    judge: (seen) => yes(seen.requests.length === 1, `no, cut after ${Math.round(gap(seen) / 60_000)} minutes`),
  },
]

/** Opens streams, and resets the first `count` of them at once, as a server does that goes down. */
function cutTogether(count: number): () => Answer {
  return () => {
    const open: Exchange[] = []
    return async (exchange) => {
      await exchange.open()
      await exchange.write(`${SOON}data: a\n\n`)
      if (open.push(exchange) !== count) return
      await exchange.wait(200)
      for (const each of open) each.reset()
    }
  }
}

/** What one of six waits on average, in ms, to the nearest ten. */
function meanGap(requests: Observation["requests"]): number {
  const times = requests.slice(6).map(({ at }) => at)
  return 10 * Math.round((6 * ((times.at(-1) ?? 0) - (times[0] ?? 0))) / times.length / 10)
}

const round = (ms: number): string => (ms / 1000).toFixed(ms < 1_000 ? 2 : 1)
