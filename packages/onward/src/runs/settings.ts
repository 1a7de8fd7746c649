import { checkClock, systemClock } from "../clock.ts"
import { createLogReader, internalsOf, type LogInternals, type LogReader } from "../hub/index.ts"
import { kindOf } from "../kind.ts"
import { checkLog, memoryLog } from "../log/index.ts"
import { checkKinds, checkNames, durationOf } from "../options.ts"
import { report } from "../server/index.ts"
import { checkFormat, type Format } from "./format.ts"
import { RUNS_OPTIONS, type RunsOptions } from "./options.ts"

type WithDefault =
  | "format"
  | "prefix"
  | "requireStored"
  | "onError"
  | "clock"
  | "lease"
  | "retention"
  | "heartbeat"
  | "maxDuration"
  | "storeTimeout"
  | "maxChars"
  | "maxFrames"

/** The options of `createRuns`, checked and with their defaults. */
interface RunsSettings<F> extends Required<Pick<RunsOptions<F>, WithDefault>> {
  readonly internals: LogInternals
  /** Set if there is no hub, so that the log is closed with the runs. */
  readonly reader: LogReader | undefined
  readonly formats: ReadonlyMap<string, Format>
  readonly flush: { readonly interval: number; readonly maxChars: number }
  readonly observe: RunsOptions["observe"]
  readonly waitUntil: RunsOptions["waitUntil"]
}

/** @throws TypeError for options that do not exist, or have a wrong value */
export function resolveOptions<F>(options: RunsOptions<F>): RunsSettings<F> {
  checkNames("createRuns", options, RUNS_OPTIONS)
  checkNames("createRuns's flush", options.flush ?? {}, ["interval", "maxChars"])
  checkKinds("createRuns", options, {
    observe: "a function",
    onError: "a function",
    waitUntil: "a function",
    prefix: "a string",
    requireStored: "true or false",
  })
  if (options.log !== undefined) checkLog("createRuns", options.log)
  for (const each of [options.format, ...(options.formats ?? [])]) checkFormat(each)
  if (options.clock) checkClock("createRuns", options.clock)
  if (options.hub && options.log) throw new TypeError("createRuns was given `hub` and `log`. Pass one of them.")
  const { onError = report, prefix = "run/", requireStored = false, format, observe, waitUntil } = options
  const formats = new Map([format as Format, ...(options.formats ?? [])].map((each) => [each.name, each]))
  const clock = options.clock ?? (options.hub ? internalsOf(options.hub).context.clock : systemClock)
  const reader = options.hub ? undefined : createLogReader({ log: options.log ?? memoryLog({ clock }), clock, onError })
  const internals = options.hub ? internalsOf(options.hub) : (reader as LogReader)
  return {
    reader,
    internals,
    clock,
    format,
    formats,
    prefix,
    requireStored,
    observe,
    onError,
    waitUntil,
    lease: durationOf("lease", options.lease, 10_000),
    retention: durationOf("retention", options.retention, 600_000),
    heartbeat: durationOf("heartbeat", options.heartbeat, 15_000),
    maxDuration: durationOf("maxDuration", options.maxDuration, Infinity),
    storeTimeout: durationOf("storeTimeout", options.storeTimeout, 30_000),
    flush: {
      interval: sizeOf("flush.interval", options.flush?.interval, 20),
      maxChars: sizeOf("flush.maxChars", options.flush?.maxChars, 4_096),
    },
    maxChars: sizeOf("maxChars", options.maxChars, 134_217_728),
    maxFrames: sizeOf("maxFrames", options.maxFrames, 500_000),
  }
}

/** A number that is not a duration: 0 or more, or the default when it is not given. */
function sizeOf(name: string, given: number | undefined, byDefault: number): number {
  if (given === undefined) return byDefault
  if (typeof given === "number" && given >= 0) return given
  throw new TypeError(`createRuns: \`${name}\` must be a number, 0 or more, not ${kindOf(given)}.`)
}
