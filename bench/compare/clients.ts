import type { starts } from "./starts.ts"
import type { Task } from "./task.ts"

/** A column of the comparison. */
export interface Client {
  readonly name: string
  readonly start: keyof typeof starts
  /** Where it runs. @default "node" */
  readonly where?: "chromium"
  readonly flags?: readonly string[]
  /** Whether it is to be an `EventSource`, in states and errors too. */
  readonly isEventSource?: boolean
  /** What of a task it has no option for, so that the program puts it into a `fetch` of its own. */
  readonly byFetch?: readonly (keyof Task)[]
  /** What an application bundles: a module. */
  readonly bundle?: string
}

export const clients: readonly Client[] = [
  {
    name: "`EventSource` of Onward",
    start: "eventSource",
    isEventSource: true,
    bundle: 'export { EventSource } from "onward/client"',
  },
  { name: "`stream` of Onward", start: "stream", bundle: 'export { stream } from "onward/client"' },
  { name: "Chromium's `EventSource`", start: "native", where: "chromium", isEventSource: true },
  {
    name: "Node's `EventSource`",
    start: "native",
    isEventSource: true,
    flags: ["--experimental-eventsource", "--disable-warning=UNDICI-ES"],
  },
  {
    name: "`eventsource`",
    start: "eventsource",
    isEventSource: true,
    byFetch: ["method", "headers", "hasToken", "lastEventId"],
    bundle: 'export { EventSource } from "eventsource"',
  },
  {
    name: "`@microsoft/fetch-event-source`",
    start: "fetchEventSource",
    byFetch: ["hasToken"],
    bundle: 'export { fetchEventSource } from "@microsoft/fetch-event-source"',
  },
  {
    name: "`eventsource-client`",
    start: "eventsourceClient",
    byFetch: ["hasToken"],
    bundle: 'export { createEventSource } from "eventsource-client"',
  },
]
