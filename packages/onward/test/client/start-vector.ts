import type { EventSource, FetchLike, stream, StreamOptions } from "../../src/client/index.ts"
import type { Clock } from "../../src/clock.ts"
import type { Action, Dispatched, State, Vector } from "./vector.ts"

/** What a client does. */
export interface Observed {
  readonly events: Dispatched[]
  readonly errorStates: State[]
  opens: number
  state(): State
  close(): void
}

/** What it did so far, as plain data that stays as it is. */
export type Seen = Pick<Observed, "events" | "errorStates" | "opens"> & { readonly state: State }

export const seen = ({ events, errorStates, opens, state }: Observed): Seen =>
  structuredClone({ events, errorStates, opens, state: state() })

/** What runs a vector, and where. */
export interface Setting {
  readonly client: { readonly EventSource: typeof EventSource; readonly stream: typeof stream }
  readonly url: string
  readonly clock: Clock
  /** @default the client's */
  readonly fetch?: FetchLike
}

/** Lets a client do what a vector says; in pages too. */
export const start = (vector: Vector, setting: Setting): Observed =>
  vector.mode === "spec" ? startEventSource(vector, setting) : startStream(vector, setting)

function startEventSource({ client }: Vector, { client: library, url, clock, fetch }: Setting): Observed {
  const { actions = [], types = [] } = client
  const source = new library.EventSource(url, { clock, ...(fetch && { fetch }) })
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

function startStream({ client }: Vector, { client: library, url, clock, fetch }: Setting): Observed {
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
  const events = library.stream(url, {
    ...optionsOf(client),
    clock,
    ...(fetch && { fetch }),
    signal: aborting.signal,
    reconnectingAfter: 0,
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
    ...(client.maxEventSize !== undefined && { maxEventChars: client.maxEventSize }),
    ...(client.done !== undefined && { until: client.done }),
    // the vectors expect delays without jitter, or nearly
    retry: { base: client.backoff ? 50 : 1 },
  }
}
