import type * as Api from "@opentelemetry/api"
import type { RunObservation } from "../runs/index.ts"

type Ended = Extract<RunObservation, { readonly type: "end" }>

/** Bounds of buckets in seconds. */
const GENERATIONS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]

/** Whether an observation is one of `createRuns`: no type is also one of a hub. */
export const isOfRun = (seen: { readonly type: string }): seen is RunObservation => TYPES.has(seen.type)

const TYPES: ReadonlySet<string> = new Set<RunObservation["type"]>([
  "start",
  "first",
  "end",
  "attach",
  "resume",
  "leave",
])

/**
 * Returns a function that reports runs: a span for each, and metrics with the names of the hub server's. The id of a run is not reported,
 * because it can be all that is needed to read the response.
 */
export function createRunSpans(
  { SpanStatusCode }: Pick<typeof Api, "SpanStatusCode">,
  tracer: Api.Tracer,
  meter: Api.Meter,
): (seen: RunObservation) => void {
  const seconds = (name: string, description: string): Api.Histogram =>
    meter.createHistogram(name, { description, unit: "s", advice: { explicitBucketBoundaries: GENERATIONS } })
  const ended = meter.createCounter("onward.runs", { description: "Runs that ended, by their status." })
  const duration = seconds("onward.runs_duration", "How long runs took.")
  const firstText = seconds("onward.runs_first_text", "Time from the start of runs to their first text.")
  const viewers = meter.createUpDownCounter("onward.runs_viewers_open", { description: "Open streams of viewers." })
  const attached = meter.createCounter("onward.runs_viewers", { description: "Viewers that attached or resumed." })
  const open = new Map<string, Api.Span>()

  function start(key: string): void {
    const span = tracer.startSpan("run")
    // without an SDK, and for a trace that is not sampled, there is nothing to remember
    if (span.isRecording()) open.set(key, span)
  }

  function end(key: string, { status, metrics, usage }: Ended): void {
    ended.add(1, { status })
    if (metrics) duration.record(metrics.duration / 1_000)
    if (metrics?.ttft !== undefined) firstText.record(metrics.ttft / 1_000)
    const span = open.get(key)
    if (!span) return
    open.delete(key)
    span.setAttributes({
      "onward.run.status": status,
      ...(usage?.input !== undefined && { "gen_ai.usage.input_tokens": usage.input }),
      ...(usage?.output !== undefined && { "gen_ai.usage.output_tokens": usage.output }),
      ...(metrics && { "onward.run.viewers": metrics.viewers }),
    })
    if (status === "failed" || status === "lost") span.setStatus({ code: SpanStatusCode.ERROR, message: status })
    span.end()
  }

  return (seen) => {
    // each owner has run ids of its own
    const key = JSON.stringify([seen.owner, seen.id])
    switch (seen.type) {
      case "start":
        return start(key)
      case "first":
        return void open.get(key)?.addEvent("first_text")
      case "end":
        return end(key, seen)
      case "leave":
        return viewers.add(-1)
      default:
        viewers.add(1)
        return attached.add(1, { type: seen.type })
    }
  }
}
