import { dataSchema } from "./components.ts"
import type { JsonSchema } from "./json-schema.ts"

const GAP = {
  type: "object",
  required: ["reason", "from", "to"],
  properties: {
    reason: { type: "string", description: "`trimmed`, `epoch` or `unknown`" },
    from: { type: "string", description: "The id after which events may be missing." },
    to: { type: "string", description: "The position up to which events may be missing." },
  },
} as const

/** Component of {@link streamComponents}. */
const GAP_NAME = "StreamGap"

/** The components that {@link controlEvents} refers to. */
export const streamComponents: Readonly<Record<string, JsonSchema>> = { [GAP_NAME]: GAP }

/** Fields that every event may have (WHATWG HTML section 9.2.6). */
const FIELDS = {
  id: { type: "string", description: "Sent back as Last-Event-ID, to resume after this event." },
  retry: { type: "integer", minimum: 0, description: "The reconnection time, in ms." },
}

/** The schema of an event with this name. Without a name an event is a `message`. */
export const eventSchema = (name: string, data: JsonSchema, more: JsonSchema = {}): JsonSchema => ({
  type: "object",
  ...more,
  required: name === "message" ? ["data"] : ["event", "data"],
  properties: { event: { type: "string", const: name }, data, ...FIELDS },
})

/** The schemas of the events that a hub itself sends: see docs/protocol.md. */
export const controlEvents: readonly JsonSchema[] = [
  eventSchema("stream.gap", dataSchema(GAP_NAME, GAP), { description: "Events are permanently lost." }),
  eventSchema("stream.checkpoint", { type: "string" }, { description: "Everything up to its id was delivered." }),
  eventSchema("stream.end", { type: "string" }, { description: "The stream has ended. Do not reconnect." }),
  eventSchema("stream.error", { type: "string" }, { description: "The source of the stream failed. Reconnect." }),
]
