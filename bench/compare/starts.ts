import type { stream as OnwardStream } from "onward/client"
import type { FetchEventSourceInit } from "@microsoft/fetch-event-source"
import { giveGlobals } from "../clients/consume.ts"
import type { State } from "../../packages/onward/test/client/vector.ts"
import type { Running, Start, Task, Told } from "./task.ts"

/** How each client is started. Nothing is loaded before: a process has one of them. */
export const starts = {
  async eventSource(task, told) {
    const { EventSource } = await import("onward/client")
    const { method, body, maxEventChars, idleTimeout, retry, lastEventId } = task
    const options = {
      ...defined({ method, body, maxEventChars, idleTimeout, lastEventId, retry }),
      ...signalOf(task, told),
    }
    const headers = task.hasToken ? tokens() : task.headers
    return listen(task, told, new EventSource(task.url, { ...options, ...(headers && { headers }) }), (event) => {
      const { error } = event as Event & { error?: { code: string; status: number } }
      return error && { code: error.code, status: error.status }
    })
  },

  async stream(task, told) {
    const { stream } = (await import("onward/client")) as { stream: typeof OnwardStream }
    const { method, body, maxEventChars, idleTimeout, reconnectOnEnd, shared, lastEventId } = task
    const given = defined({ method, body, maxEventChars, idleTimeout, reconnectOnEnd, shared, lastEventId })
    const headers = task.hasToken ? tokens() : task.headers
    const events = stream(task.url, {
      ...given,
      ...(headers && { headers }),
      ...signalOf(task, told),
      onStatus(status) {
        if (status.state === "open") {
          told.opened()
          if (closesOn(task, "open")) events.close()
        }
        if (status.state !== "reconnecting" && status.state !== "failed") return
        const { code, status: answered } = status.error as { code?: string; status?: number }
        told.failed({ state: status.state === "failed" ? "closed" : "connecting", code, status: answered })
        if (closesOn(task, "error")) events.close()
      },
    })
    after(task, () => events.close())
    const read = async (): Promise<void> => {
      for await (const { event, data, id } of events) {
        if (!isWanted(task, event)) continue
        await told.event({ event, data, lastEventId: id })
        if (closesOn(task, "message")) events.close()
      }
    }
    read().catch((error: unknown) => error instanceof Thrown && told.caught())
    return {
      state() {
        const { state } = events.status
        return state === "open" ? "open" : state === "connecting" || state === "reconnecting" ? "connecting" : "closed"
      },
      close: () => events.close(),
    }
  },

  native: (task, told) => listen(task, told, new EventSource(task.url, given(task))),

  async eventsource(task, told) {
    const { EventSource } = await import("eventsource")
    // its README: what it has no options for goes through a `fetch` of one's own
    return listen(task, told, new EventSource(task.url, { fetch: fetchOf(task) }), (event) => {
      const { code } = event as Event & { code?: number }
      return { status: code }
    })
  },

  async fetchEventSource(task, told) {
    giveGlobals()
    const { fetchEventSource } = await import("@microsoft/fetch-event-source")
    const { method, body, headers, lastEventId = "" } = task
    const { signal, abort } = abortOf(task, told)
    let isOver = false
    let last = lastEventId
    fetchEventSource(task.url, {
      ...defined({ method, body }),
      headers: { ...headers, ...(lastEventId && { "last-event-id": lastEventId }) },
      ...(task.hasToken && { fetch: fetchOf({ hasToken: true, url: task.url }) }),
      signal,
      openWhenHidden: true,
      ...(closesOn(task, "open") && { onopen: async () => abort() }),
      onmessage({ event, data, id }) {
        last = id || last
        const name = event || "message"
        if (isWanted(task, name)) void told.event({ event: name, data, lastEventId: last })
        if (closesOn(task, "message")) abort()
      },
      onerror(error: unknown) {
        told.failed({ state: "connecting", status: (error as { status?: number }).status })
        if (closesOn(task, "error")) throw error
      },
    } as FetchEventSourceInit)
      .catch(() => {})
      .finally(() => (isOver = true))
    after(task, abort)
    return { state: () => (isOver ? "closed" : "connecting"), close: abort }
  },

  async eventsourceClient(task, told) {
    const { createEventSource } = await import("eventsource-client")
    const { method, body, headers, lastEventId } = task
    const source = createEventSource({
      url: task.url,
      ...defined({ method, body, headers, initialLastEventId: lastEventId }),
      ...(task.hasToken && { fetch: fetchOf({ hasToken: true, url: task.url }) as never }),
      onConnect() {
        told.opened()
        if (closesOn(task, "open")) source.close()
      },
      onScheduleReconnect() {
        told.failed({ state: "connecting" })
        if (closesOn(task, "error")) source.close()
      },
    })
    const read = async (): Promise<void> => {
      for await (const { event = "message", data, id } of source) {
        if (!isWanted(task, event)) continue
        await told.event({ event, data, lastEventId: id ?? source.lastEventId ?? "" })
        if (closesOn(task, "message")) source.close()
      }
    }
    read().catch((error: unknown) => error instanceof Thrown && told.caught())
    after(task, () => source.close())
    return { state: () => source.readyState, close: () => source.close() }
  },
} satisfies Record<string, Start>

/** What the program throws when it is to throw. */
export class Thrown extends Error {}

/** The interface all classes named `EventSource` have. */
interface Source {
  readonly readyState: number
  addEventListener(type: string, listener: (event: Event) => void): void
  close(): void
}

function listen(
  task: Task,
  told: Told,
  source: Source,
  readError: (event: Event) => { code?: string | undefined; status?: number | undefined } | undefined = () => undefined,
): Running {
  const state = (): State => (["connecting", "open", "closed"] as const)[source.readyState as 0 | 1 | 2]
  source.addEventListener("open", () => {
    told.opened()
    if (closesOn(task, "open")) source.close()
  })
  for (const type of ["message", "error", ...(task.types ?? [])]) {
    source.addEventListener(type, (event) => {
      if (event instanceof MessageEvent) {
        if (closesOn(task, "message")) source.close()
        void told.event({ event: type, data: String(event.data), lastEventId: event.lastEventId })
      } else {
        told.failed({ state: state(), ...readError(event) })
        if (closesOn(task, "error")) source.close()
      }
    })
  }
  after(task, () => source.close())
  return { state, close: () => source.close() }
}

const closesOn = ({ actions = [] }: Task, on: string): boolean => actions.some((action) => action.on === on)
const isWanted = ({ types = [] }: Task, event: string): boolean => ["message", "error", ...types].includes(event)

/** Carries out what is to be done at a time. */
function after({ actions = [] }: Task, close: () => void): void {
  for (const { on, at = 0 } of actions) if (on === "ms") setTimeout(close, at)
}

function abortOf({ abort }: Task, told: Told): { signal: AbortSignal; abort(): void } {
  const controller = new AbortController()
  const { event } = told
  if (abort) {
    told.event = (dispatched) => {
      setTimeout(() => controller.abort(), 50)
      return event(dispatched)
    }
  }
  return { signal: controller.signal, abort: () => controller.abort() }
}

const signalOf = (task: Task, told: Told): { signal?: AbortSignal } =>
  task.abort ? { signal: abortOf(task, told).signal } : {}

/** The task's options as they are, for a class that may or may not know them. */
function given({ method, body, headers, lastEventId }: Task): EventSourceInit {
  return defined({ method, body, headers, lastEventId }) as EventSourceInit
}

function tokens(): () => Promise<Record<string, string>> {
  let calls = 0
  return async () => ({ authorization: `Bearer t${calls++}` })
}

/** A `fetch` that adds what its client cannot be told. */
function fetchOf({ method, body, headers, hasToken, lastEventId }: Task) {
  const token = tokens()
  return async (url: string | URL, init: object): Promise<Response> => {
    const theirs = (init as RequestInit).headers as Record<string, string>
    const start = lastEventId && !theirs["Last-Event-ID"] && { "last-event-id": lastEventId }
    const all = { ...theirs, ...start, ...headers, ...(hasToken && (await token())) }
    return fetch(url, { ...init, ...defined({ method, body }), headers: all })
  }
}

/** Without what is undefined. */
function defined<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never
}
