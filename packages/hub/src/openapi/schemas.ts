import { controlEvents, eventSchema, streamComponents, type JsonSchema } from "onward/openapi"

const text = (description: string): JsonSchema => ({ type: "string", description })

/** The components of the hub's OpenAPI document. */
export const schemas: Readonly<Record<string, JsonSchema>> = {
  Message: {
    type: "object",
    required: ["topic"],
    additionalProperties: false,
    properties: {
      topic: text("At most 1,024 bytes; no pattern."),
      also: {
        type: "array",
        items: { type: "string" },
        maxItems: 999,
        description: "Further topics. A stream of several of them receives the message once.",
      },
      data: { description: "The payload. A string is sent as text, any other value as JSON." },
      event: text("The name of the event; `message` by default."),
      id: text("The publisher's own id of the event."),
      idempotencyKey: text("A message with the same key is stored once."),
      retry: { type: "integer", minimum: 0, description: "The reconnection time for clients, in ms." },
    },
  },
  Published: {
    type: "object",
    required: ["id"],
    properties: {
      id: { type: "string" },
      repeated: { const: true, description: "The topic had the message already." },
    },
  },
  PublishedBatch: {
    type: "object",
    required: ["ids"],
    properties: {
      ids: { type: "array", items: { type: "string" } },
      repeated: { type: "array", items: { type: "boolean" } },
    },
  },
  Event: {
    oneOf: [
      {
        type: "object",
        required: ["data"],
        properties: {
          event: { type: "string", not: { pattern: "^stream\\." }, default: "message" },
          data: { type: "string" },
          id: text("Sent back as Last-Event-ID, to resume after this event."),
          retry: { type: "integer", minimum: 0, description: "The reconnection time, in ms." },
        },
      },
      ...controlEvents,
    ],
  },
  Presence: {
    type: "object",
    required: ["topic", "streams", "userIds"],
    properties: {
      topic: { type: "string" },
      streams: { type: "integer" },
      userIds: { type: "array", items: { type: "string" } },
      more: { type: "integer", description: "User ids that are not listed." },
    },
  },
  PresenceEvent: {
    oneOf: [
      eventSchema("presence", {
        type: "string",
        contentMediaType: "application/json",
        contentSchema: { $ref: "#/components/schemas/Presence" },
      }),
      ...controlEvents,
    ],
  },
  MercureSubscriptions: {
    type: "object",
    required: ["subscriptions"],
    properties: { subscriptions: { type: "array", items: { type: "object" } } },
  },
  Health: {
    type: "object",
    required: ["status"],
    properties: { status: { enum: ["ok", "draining", "log_unavailable"] } },
  },
  Error: {
    type: "object",
    required: ["error"],
    properties: {
      error: {
        type: "object",
        required: ["code", "message"],
        properties: { code: text("Stable, for programs: docs/errors.md."), message: text("For people.") },
      },
    },
  },
  ...streamComponents,
}
