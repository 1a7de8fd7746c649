import {
  EventSource as BrowserEventSource,
  stream as openStream,
  type EventSourceListening,
  type EventSourceOptions,
  type Listener,
  type ListenerOptions,
  type StreamStatus,
} from "./index.ts"
import { tagOf } from "../kind.ts"
import { PARSER } from "./connection.ts"
import { nodeFetch } from "./node-fetch.ts"
import { createFastParser } from "./node-parser.ts"

export * from "./index.ts"

export interface NodeEventSourceOptions extends EventSourceOptions {
  /** Called with what a listener throws. @default console.error */
  readonly onError?: (error: unknown) => void
}

const IN_NODE = { fetch: nodeFetch, [PARSER]: createFastParser }

/** Adds the options for Node. A value that is not an object is passed on and refused there. */
const inNode = (options: object, more: object = {}): object =>
  tagOf(options) === "[object Object]" ? { ...IN_NODE, ...more, ...options } : options

function withoutOnError(options: NodeEventSourceOptions): object {
  if (tagOf(options) !== "[object Object]" || !("onError" in options)) return options
  const { onError: _, ...others } = options
  return others
}

/** The standard `EventSource` for Node, on `node:http`. A listener that throws does not end the process, as Node's `EventTarget` would. */
export class EventSource extends BrowserEventSource {
  readonly #onError: (error: unknown) => void
  /** One guard per listener, so that a listener can be removed, and is not added twice. */
  readonly #guards = new WeakMap<object, (event: Event) => void>()

  constructor(url: string | URL, options: NodeEventSourceOptions = {}) {
    super(url, inNode(withoutOnError(options)))
    this.#onError = options.onError ?? ((error) => console.error("onward:", error))
  }

  declare addEventListener: EventSourceListening
  declare removeEventListener: EventSourceListening

  static {
    const { prototype } = EventTarget
    for (const name of ["addEventListener", "removeEventListener"] as const) {
      Object.defineProperty(EventSource.prototype, name, {
        value(this: EventSource, type: string, listener: Listener | null, options?: ListenerOptions | boolean) {
          prototype[name].call(this, type, this.#guarded(listener), options)
        },
      })
    }
  }

  #guarded(listener: Listener | null): ((event: Event) => void) | null {
    if (!listener) return null
    const known = this.#guards.get(listener)
    if (known) return known
    const guard = (event: Event): void => {
      try {
        const result = typeof listener === "function" ? listener.call(this, event) : listener.handleEvent(event)
        if (result instanceof Promise) result.catch(this.#onError)
      } catch (error) {
        this.#onError(error)
      }
    }
    this.#guards.set(listener, guard)
    return guard
  }
}

/**
 * Opens an event stream that reconnects and resumes, on `node:http`. Without `onStatus`, the first failure to connect is reported on the
 * console, because a loop that waits for an unreachable server shows nothing.
 */
export const stream: typeof openStream = (url: string | URL, options?: object) =>
  openStream(url, inNode(options ?? {}, { onStatus: reportFirstFailure() }))

function reportFirstFailure(): (status: StreamStatus) => void {
  let isSettled = false
  return (status) => {
    if (isSettled) return
    isSettled = status.state === "open" || status.state === "reconnecting"
    if (status.state === "reconnecting") {
      console.warn(`onward: ${status.error.message} The client retries. Use \`onStatus\` to observe it.`)
    }
  }
}
