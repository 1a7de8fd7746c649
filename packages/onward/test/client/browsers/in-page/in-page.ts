// Runs in pages and workers. A test starts things here by name, and looks at what came of them.
import * as onward from "../../../../src/client/index.ts"
import { systemClock } from "../../../../src/clock.ts"
import * as vectors from "../../start-vector.ts"
import type { Vector } from "../../vector.ts"

/** What an EventSource dispatched. */
export interface Heard {
  opens: number
  events: { event: string; data: string; id: string; origin: string }[]
  errors: { readyState: number; code: string | undefined; status: number | undefined }[]
}

/** What a loop over a stream got. */
export interface Followed {
  data: string[]
  /** Each status in turn; a failure as `failed: code`. */
  states: string[]
  gaps: number
}

const sources = new Map<string, { source: onward.EventSource; heard: Heard }>()
const streams = new Map<string, { stream: onward.EventStream<onward.StreamEvent>; followed: Followed }>()

/** Opens an EventSource; `types` are the events heard besides messages. */
export function listen(
  name: string,
  url: string,
  options: onward.EventSourceOptions = {},
  types: readonly string[] = [],
): onward.EventSource {
  return hear(name, new onward.EventSource(url, options), types)
}

/** Keeps what an EventSource dispatches. */
export function hear(name: string, source: onward.EventSource, types: readonly string[] = []): onward.EventSource {
  const heard: Heard = { opens: 0, events: [], errors: [] }
  sources.set(name, { source, heard })
  source.addEventListener("open", () => heard.opens++)
  source.addEventListener("error", (event) => {
    if (event instanceof MessageEvent) return
    const { error } = event
    heard.errors.push({ readyState: source.readyState, code: error?.code, status: error?.status })
  })
  for (const type of new Set(["message", ...types])) {
    source.addEventListener(type, (event: Event) => {
      if (!(event instanceof MessageEvent)) return
      const { data, lastEventId, origin } = event as MessageEvent<string>
      heard.events.push({ event: type, data, id: lastEventId, origin })
    })
  }
  return source
}

/**
 * What an EventSource dispatched so far. A copy: WebKit's driver serialises what a function returns some microtasks later, and then lists
 * that go on growing would hold more than was counted.
 */
export function heard(name: string): Heard & { readyState: number } {
  const { source, heard } = sources.get(name) as { source: onward.EventSource; heard: Heard }
  return structuredClone({ ...heard, readyState: source.readyState })
}

/** Delays are as long as chance allows: what is sooner had another reason than time. */
const patience = { ...systemClock, random: () => 1 }

/** What a loop can do besides. */
interface FollowOptions extends onward.StreamOptions {
  /** It does not try again for minutes unless it learns that it may. */
  readonly isPatient?: boolean
  /** Where to tell each event, with the query of the stream's URL. @default nowhere */
  readonly report?: string
}

/** Loops over a stream. */
export function follow(name: string, url: string, { isPatient, report, ...options }: FollowOptions = {}): void {
  const followed: Followed = { data: [], states: [], gaps: 0 }
  const stream = onward.stream(url, {
    onGap: () => followed.gaps++,
    onStatus: (status) => followed.states.push(sayStatus(status)),
    ...(isPatient && { retry: { base: 600_000, max: 600_000 }, clock: patience }),
    ...options,
  })
  streams.set(name, { stream, followed })
  void (async () => {
    for await (const { data } of stream) {
      followed.data.push(data)
      if (report) void fetch(`${report}${new URL(url, location.href).search}&data=${data}`)
    }
  })().catch(() => {})
}

function sayStatus(status: onward.StreamStatus): string {
  if (status.state !== "failed") return status.state
  return `failed: ${status.error instanceof onward.OnwardError ? status.error.code : String(status.error)}`
}

/** What a loop got so far; a copy, as above. */
export function followed(name: string): Followed & { state: string } {
  const { stream, followed } = streams.get(name) as {
    stream: onward.EventStream<onward.StreamEvent>
    followed: Followed
  }
  return structuredClone({ ...followed, state: stream.status.state })
}

const observations = new Map<string, vectors.Observed>()

/** Starts a vector. */
export function startVector(vector: Vector, url: string): void {
  observations.set(vector.id, vectors.start(vector, { client: onward, url, clock: systemClock }))
}

/** What came of it so far. */
export const seenOf = (id: string): vectors.Seen => vectors.seen(observations.get(id) as vectors.Observed)

/** What came of it; and it ends. */
export function endVector(id: string): vectors.Seen {
  observations.get(id)?.close()
  return seenOf(id)
}

/** Ends everything, as a test that is over does. */
export function closeAll(): void {
  for (const { source } of sources.values()) source.close()
  for (const { stream } of streams.values()) stream.close()
}

/** Whether the page was put away in the back-forward cache and came back. */
export let wasRestored = false
globalThis.addEventListener?.("pageshow", (event) => {
  if (event.persisted) wasRestored = true
})
