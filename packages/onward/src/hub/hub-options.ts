import { checkClock, systemClock, type Clock } from "../clock.ts"
import { checkContract, type EventContract, type EventSchemas } from "../events.ts"
import { kindOf } from "../kind.ts"
import { checkLog, memoryLog, type Log } from "../log/index.ts"
import { checkKinds, checkNames, durationOf } from "../options.ts"
import { defaultLimits, resolveLimits, type Limits } from "./limits.ts"
import { guardObserve, type HubObservation, type Observe } from "./observation.ts"
import { observedLog } from "./observed-log.ts"
import { resolvePresence, type PresenceOptions, type PresenceSettings } from "./presence/options.ts"
import type { WindowOptions } from "./window.ts"

export interface HubOptions<S extends EventSchemas = EventSchemas> {
  /** The log that stores entries. `hub.close()` closes it. @default memoryLog() */
  readonly log?: Log
  /** The events that may be published, from `defineEvents`; publishing then validates. @default any */
  readonly events?: EventContract<S>
  /** Limits of the newest entries in memory, for clients that reconnect. */
  readonly window?: Partial<WindowOptions>
  /** Maximum silence on a stream, in ms. @default 15_000 */
  readonly heartbeat?: number
  /** How long a client may read nothing before its stream is closed, in ms. It resumes when it reconnects. @default 120_000 */
  readonly stallTimeout?: number
  /**
   * Maximum duration of a stream, in ms. Its client then reconnects, for example to another process, or before a proxy's limit. A stream
   * ends up to a tenth earlier, or up to half a second if that is longer, so that clients that connected together do not reconnect together. @default Infinity
   */
  readonly maxStreamAge?: number
  /** What the hub refuses: streams, topics and messages beyond these numbers and sizes. */
  readonly limits?: Partial<Limits>
  /** Enables `hub.presence`: the number of streams and the users on each topic, across processes. It writes to the log. @default false */
  readonly presence?: boolean | PresenceOptions
  /** Called with errors that no caller awaits, such as an unavailable store. @default console.error */
  readonly onError?: (error: unknown) => void
  /**
   * Called with what happens in this process: streams that open, resume, fall behind and close, messages that are published and delivered,
   * and operations of the log. It is called synchronously, so it must be fast. For metrics and traces. @default not called
   */
  readonly observe?: (observation: HubObservation) => void
  /** The source of time and random numbers. In tests, a clock of `onward/testing`. @default the system clock */
  readonly clock?: Clock
}

/** The options of a hub, checked, with defaults. */
export interface HubSettings {
  readonly log: Log
  readonly clock: Clock
  readonly limits: Limits
  readonly window: WindowOptions
  readonly heartbeat: number
  readonly stallTimeout: number
  readonly maxStreamAge: number
  /** Undefined when presence is disabled. */
  readonly presence: PresenceSettings | undefined
  readonly onError: (error: unknown) => void
  readonly observe: Observe | undefined
}

const OPTIONS = [
  "log",
  "events",
  "window",
  "heartbeat",
  "stallTimeout",
  "maxStreamAge",
  "limits",
  "presence",
  "onError",
  "observe",
  "clock",
  ...Object.keys(defaultLimits).map((name) => `limits.${name}`),
  "window.maxEntries",
  "window.maxChars",
]

/** Checks the options of `createHub` and adds defaults. Throws `TypeError` for an unknown name or an invalid value. */
export function resolveOptions<S extends EventSchemas>(options: HubOptions<S>): HubSettings {
  checkNames("createHub", options, OPTIONS)
  checkKinds("createHub", options, { onError: "a function", observe: "a function" })
  const { events, clock = systemClock } = options
  checkClock("createHub", clock)
  if (options.log !== undefined) checkLog("createHub", options.log)
  if (events !== undefined) checkContract("createHub", events)
  const { log = memoryLog({ clock }), onError = (error) => console.error("onward:", error) } = options
  const observe = guardObserve(options.observe, onError)
  return {
    log: observe ? observedLog(log, observe, clock) : log,
    clock,
    limits: resolveLimits(options.limits),
    window: resolveWindow(options.window),
    heartbeat: durationOf("heartbeat", options.heartbeat, 15_000),
    stallTimeout: durationOf("stallTimeout", options.stallTimeout, 120_000),
    maxStreamAge: durationOf("maxStreamAge", options.maxStreamAge, Infinity),
    presence: resolvePresence(options.presence),
    onError,
    observe,
  }
}

function resolveWindow(given: Partial<WindowOptions> = {}): WindowOptions {
  checkNames("createHub's window", given, ["maxEntries", "maxChars"])
  const { maxEntries = 10_000, maxChars = 16_777_216 } = given
  for (const [name, value] of Object.entries({ maxEntries, maxChars })) {
    if (typeof value === "number" && value >= 0) continue
    throw new TypeError(`createHub: \`window.${name}\` must be a number, 0 or more, not ${kindOf(value)}.`)
  }
  return { maxEntries, maxChars }
}
