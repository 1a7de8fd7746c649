import type * as Api from "@opentelemetry/api"
import type { HubObservation } from "../hub/index.ts"
import { OnwardError } from "../errors.ts"

/** Bounds of buckets in seconds: the SDK's default ones are made for ms. */
const LATENCIES = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const LIFETIMES = [1, 5, 15, 30, 60, 100, 300, 900, 3_600, 14_400, 86_400]

/** Returns a function that measures what happens in a hub. The names become those of `GET /metrics` in Prometheus. */
export function createInstruments(meter: Api.Meter): (observation: HubObservation) => void {
  const seconds = (name: string, description: string, bounds: number[]): Api.Histogram =>
    meter.createHistogram(name, { description, unit: "s", advice: { explicitBucketBoundaries: bounds } })
  const streams = meter.createUpDownCounter("onward.streams", { description: "Open streams." })
  const opened = meter.createCounter("onward.streams_opened", { description: "Streams that were opened." })
  const closed = meter.createCounter("onward.streams_closed", { description: "Streams that ended, by the reason." })
  const lifetime = seconds("onward.stream_duration", "How long streams were open.", LIFETIMES)
  const behind = meter.createCounter("onward.streams_fell_behind", { description: "Live streams that became slow." })
  const resumes = meter.createCounter("onward.resumes", { description: "How streams started." })
  const publishes = meter.createCounter("onward.publishes", { description: "Messages, by what happened to them." })
  const publishing = seconds("onward.publish_duration", "Time until messages were stored.", LATENCIES)
  const delivered = meter.createCounter("onward.delivered_entries", { description: "Entries sent to streams." })
  const lag = seconds("onward.delivery_lag", "Time from the storing of the oldest entry to its write.", LATENCIES)
  const operating = seconds("onward.log_operation_duration", "How long operations of the log took.", LATENCIES)

  function publish({ messages, repeated, duration, error }: Extract<HubObservation, { type: "published" }>): void {
    publishing.record(duration / 1_000)
    if (error !== undefined) {
      const isRejected = error instanceof OnwardError && error.status < 500
      return publishes.add(messages.length, { outcome: isRejected ? "rejected" : "unavailable" })
    }
    if (messages.length > repeated) publishes.add(messages.length - repeated, { outcome: "stored" })
    if (repeated > 0) publishes.add(repeated, { outcome: "repeated" })
  }

  return (seen) => {
    switch (seen.type) {
      case "opened":
        streams.add(1, apiOf(seen))
        return opened.add(1, apiOf(seen))
      case "closed":
        streams.add(-1, apiOf(seen))
        closed.add(1, { ...apiOf(seen), reason: seen.reason })
        return lifetime.record(seen.lifetime / 1_000, apiOf(seen))
      case "resumed":
        return resumes.add(1, { outcome: seen.outcome })
      case "fell_behind":
        return behind.add(1)
      case "published":
        return publish(seen)
      case "replayed":
        return delivered.add(seen.entries)
      case "delivered":
        delivered.add(seen.entries)
        return lag.record(seen.lag / 1_000)
      case "log":
        return operating.record(seen.duration / 1_000, { operation: seen.operation })
      default: // the others are not counted
    }
  }
}

/** The label of a stream, which a program chooses from a few. */
const apiOf = ({ label }: { readonly label: string | undefined }): Api.Attributes =>
  label === undefined ? {} : { api: label }
