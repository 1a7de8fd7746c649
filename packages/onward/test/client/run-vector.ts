import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { systemClock, type Clock } from "../../src/clock.ts"
import { nodeFetch } from "../../src/client/node-fetch.ts"
import { EventSource, stream, type FetchLike, type StreamOptions } from "../../src/client/node.ts"
import { eventually } from "../adapters/exchange.ts"
import { VirtualClock } from "../ground/virtual-clock.ts"
import { createFaultServer, type FaultServer } from "./fault-server.ts"
import { utf8 } from "./fault-request.ts"
import { play, type ScriptAttempt } from "./script.ts"

interface Action {
  readonly on: "open" | "message" | "error" | "ms"
  readonly at?: number
  readonly do: "close" | "abort"
}
interface Dispatched {
  readonly event: string
  readonly data: string
  readonly lastEventId: string
}
interface Count {
  readonly min?: number
  readonly max?: number
}
interface ExpectedRequest {
  readonly index: number
  readonly method?: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string | null>>
  readonly headersUtf8?: Readonly<Record<string, string>>
}

/** One of `vectors/client.json`, whose `schema` explains it. */
export interface Vector {
  readonly id: string
  readonly name: string
  readonly why: string
  readonly mode: "spec" | "extended"
  readonly client: {
    readonly types?: readonly string[]
    readonly actions?: readonly Action[]
    readonly method?: string
    readonly body?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly headersFn?: "counter"
    readonly lastEventId?: string
    readonly replay?: boolean
    readonly retryOn?: readonly number[]
    readonly backoff?: object
    readonly idleTimeoutMs?: number
    readonly maxEventSize?: number
    readonly done?: string
  }
  readonly server: readonly ScriptAttempt[]
  readonly runMs: number
  readonly expect: {
    readonly events?: readonly Dispatched[]
    readonly opens?: Count
    readonly errors?: Count
    readonly errorStates?: readonly State[]
    readonly finalState?: State
    readonly requests?: Count
    readonly request?: readonly ExpectedRequest[]
    readonly gapMs?: readonly {
      readonly between: readonly [number, number]
      readonly min?: number
      readonly max?: number
    }[]
  }
}

type State = "connecting" | "open" | "closed"

/** What a client did. */
interface Observed {
  readonly events: Dispatched[]
  readonly errorStates: State[]
  opens: number
  state(): State
  close(): void
}

const file = new URL("../vectors/client.json", import.meta.url)
const all = (JSON.parse(readFileSync(file, "utf8")) as { vectors: readonly Vector[] }).vectors

/** What only pages have: being hidden, and tabs. The tests in browsers run these. */
export const IN_PAGES: readonly string[] = ["C067", "C068"]

export const vectors: readonly Vector[] = all
  .filter(({ id }) => !IN_PAGES.includes(id))
  // as written the second answer, silent as well, would be given up too, and a third request made
  .map((vector) => (vector.id === "C058" ? { ...vector, runMs: 400 } : vector))

/** What carries the requests of the client in Node: what it brings, and what the platform has. */
export const TRANSPORTS: Readonly<Record<string, FetchLike>> = { "node:http": nodeFetch, fetch }

/** Runs one with a clock of its own, which goes on once nothing else does; throws what the client did otherwise. */
export async function runAtOnce(vector: Vector, fetch: FetchLike): Promise<void> {
  const clock = new VirtualClock({ rounds: 40 })
  await using server = await createFaultServer(play(vector.server), { clock })
  const observed = start(vector, { url: server.url, clock, fetch })
  await clock.pass(vector.runMs)
  observed.close()
  check(vector, observed, server)
}

/** Runs one as it is written, by the machine's clock. On a slow machine it takes longer, with the same outcome. */
export async function runInTime(vector: Vector, fetch: FetchLike): Promise<void> {
  await using server = await createFaultServer(play(vector.server))
  const observed = start(vector, { url: server.url, clock: systemClock, fetch })
  const { events = [], requests, finalState } = vector.expect
  await new Promise((resolve) => setTimeout(resolve, vector.runMs))
  await eventually(
    vector.name,
    () =>
      observed.events.length >= events.length &&
      server.requests.length >= (requests?.min ?? 0) &&
      observed.state() === (finalState ?? observed.state()),
  )
  observed.close()
  check(vector, observed, server)
}

interface Setting {
  readonly url: string
  readonly clock: Clock
  readonly fetch: FetchLike
}

const start = (vector: Vector, setting: Setting): Observed =>
  vector.mode === "spec" ? startEventSource(vector, setting) : startStream(vector, setting)

function startEventSource({ client }: Vector, { url, clock, fetch }: Setting): Observed {
  const { actions = [], types = [] } = client
  const source = new EventSource(url, { clock, fetch })
  const state = (): State => (["connecting", "open", "closed"] as const)[source.readyState]
  let last: State | undefined
  const observed: Observed = {
    events: [],
    errorStates: [],
    opens: 0,
    state: () => last ?? state(),
    close() {
      last = state()
      source.close()
    },
  }
  const act = (on: Action["on"]): void => {
    if (actions.some((action) => action.on === on)) source.close()
  }
  source.onopen = () => {
    observed.opens++
    act("open")
  }
  for (const type of ["message", "error", ...types]) {
    source.addEventListener(type, (event: Event) => {
      if (event instanceof MessageEvent) {
        observed.events.push({ event: type, data: String(event.data), lastEventId: event.lastEventId })
        act("message")
      } else {
        observed.errorStates.push(state())
        act("error")
      }
    })
  }
  for (const { on, at = 0 } of actions) if (on === "ms") clock.after(at, () => source.close())
  return observed
}

function startStream({ client }: Vector, { url, clock, fetch }: Setting): Observed {
  const { actions = [] } = client
  const aborting = new AbortController()
  let last: State | undefined
  const observed: Observed = {
    events: [],
    errorStates: [],
    opens: 0,
    state: () => last ?? state(),
    close() {
      last = observed.state()
      events.close()
    },
  }
  const events = stream(url, {
    ...optionsOf(client),
    clock,
    fetch,
    signal: aborting.signal,
    onStatus({ state }) {
      if (state === "open") observed.opens++
      if (state === "reconnecting" || state === "failed") observed.errorStates.push(stateOf(state))
    },
  })
  const state = (): State => stateOf(events.status.state)
  async function read(): Promise<void> {
    for await (const { event, data, id } of events) {
      observed.events.push({ event, data, lastEventId: id })
      for (const { on, do: act } of actions) if (on === "message" && act === "abort") aborting.abort()
    }
  }
  // how it fails is in the status
  read().catch(() => {})
  return observed
}

const stateOf = (state: string): State =>
  state === "open" ? "open" : state === "connecting" || state === "reconnecting" ? "connecting" : "closed"

/** Our names for what the vectors propose. `retryOn` is what a stream does by itself. */
function optionsOf({ method, body, headers, headersFn, ...client }: Vector["client"]): StreamOptions {
  return {
    ...(method !== undefined && { method }),
    ...(body !== undefined && { body }),
    ...(headers && { headers }),
    ...(headersFn && { headers: ({ number }) => Promise.resolve({ authorization: `Bearer t${number}` }) }),
    ...(client.replay === true && { repeat: "always" }),
    ...(client.lastEventId !== undefined && { lastEventId: client.lastEventId }),
    ...(client.idleTimeoutMs !== undefined && { idleTimeout: client.idleTimeoutMs }),
    ...(client.maxEventSize !== undefined && { maxEventLength: client.maxEventSize }),
    ...(client.done !== undefined && { until: client.done }),
    // the vectors expect delays without jitter, or nearly
    retry: { base: client.backoff ? 50 : 1 },
  }
}

function check({ expect }: Vector, { events, errorStates, opens, state }: Observed, { requests }: FaultServer): void {
  if (expect.events) assert.deepEqual(events, expect.events)
  if (expect.errorStates) assert.deepEqual(errorStates, expect.errorStates)
  if (expect.finalState) assert.equal(state(), expect.finalState, "state")
  checkCount(requests.length, expect.requests, "requests")
  checkCount(opens, expect.opens, "opens")
  checkCount(errorStates.length, expect.errors, "errors")
  for (const { index, method, body, headers = {}, headersUtf8 = {} } of expect.request ?? []) {
    const request = requests[index]
    assert.ok(request, `request ${index}`)
    if (method !== undefined) assert.equal(request.method, method)
    if (body !== undefined) assert.equal(request.body.toString(), body)
    for (const [name, value] of Object.entries(headers)) assert.equal(request.headers[name] ?? null, value, name)
    for (const [name, value] of Object.entries(headersUtf8)) assert.equal(utf8(request.headers[name]), value, name)
  }
  for (const { between, ...gap } of expect.gapMs ?? []) {
    const [from, to] = between.map((index) => requests[index]?.at ?? NaN) as [number, number]
    checkCount(to - from, gap, `time between requests ${between}`)
  }
}

function checkCount(count: number, { min = 0, max = Infinity }: Count = {}, what: string): void {
  assert.ok(count >= min && count <= max, `${count} ${what}, not ${min} to ${max}`)
}
