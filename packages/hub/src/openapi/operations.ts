/** What an operation is described by, besides its path and method. */
export interface Operation {
  readonly summary: string
  readonly parameters?: readonly object[]
  readonly requestBody?: object
  readonly responses: Readonly<Record<string, object>>
}

export const ref = (name: string): object => ({ $ref: `#/components/schemas/${name}` })

export const json = (description: string, schema: object): object => ({
  description,
  content: { "application/json": { schema } },
})

export const stream = (description: string, name: string): object => ({
  description,
  content: { "text/event-stream": { itemSchema: ref(name) } },
})

export const query = (name: string, description: string, schema: object = { type: "string" }): object => ({
  name,
  in: "query",
  description,
  schema,
})

const TOPICS = {
  ...query("topic", "Topics and patterns: `*` matches any characters, `:name` one segment. Repeat it for more.", {
    type: "array",
    items: { type: "string" },
    minItems: 1,
  }),
  required: true,
}

export const LAST_EVENT_ID = {
  name: "Last-Event-ID",
  in: "header",
  description: "The id of the last event that the client received. The stream resumes after it.",
  schema: { type: "string" },
}

/** The body of a small request: a form, or JSON. */
const fields = (properties: Readonly<Record<string, object>>, required: readonly string[] = []): object => {
  const schema = { type: "object", properties, ...(required.length > 0 && { required }) }
  return {
    required: true,
    content: { "application/x-www-form-urlencoded": { schema }, "application/json": { schema } },
  }
}

const text = { type: "string" }
const health = (summary: string): Operation => ({
  summary,
  responses: { 200: json("Yes.", ref("Health")), 503: json("No.", ref("Health")) },
})

/** The operations of each path. A test compares them with the hub's routes. */
export const operations: Readonly<Record<string, Operation>> = {
  "/publish": {
    summary: "Publishes a message or a batch. Answers when it is stored.",
    requestBody: {
      required: true,
      content: {
        "application/json": {
          schema: { oneOf: [ref("Message"), { type: "array", items: ref("Message"), maxItems: 1_000 }] },
        },
        "application/x-ndjson": { itemSchema: ref("Message") },
        "application/x-www-form-urlencoded": { schema: ref("Message") },
      },
    },
    responses: { 200: json("Stored.", { oneOf: [ref("Published"), ref("PublishedBatch")] }) },
  },
  "/events": {
    summary: "Streams topics and patterns, with resume.",
    parameters: [
      TOPICS,
      LAST_EVENT_ID,
      query("last_event_id", "Like Last-Event-ID, for clients that cannot set headers."),
      query("since", "Starts with events of this time: `10m`, an ISO 8601 time, or ms since 1970."),
      query("last", "Starts with the newest events, at most this many.", { type: "integer", minimum: 0 }),
      query("follow", "`false` ends the stream after the events that are kept.", { type: "boolean", default: true }),
      query("transport", "`poll` for long polling.", { enum: ["poll"] }),
      query("userId", "The user that presence reports, if the hub has no authentication."),
    ],
    responses: { 200: stream("The stream.", "Event"), 204: { description: "The stream has ended. Do not reconnect." } },
  },
  "/presence": {
    summary: "Lists the users on topics.",
    parameters: [TOPICS],
    responses: {
      200: json("The current state.", {
        type: "object",
        required: ["topics"],
        properties: { topics: { type: "array", items: ref("Presence") } },
      }),
    },
  },
  "/presence/events": {
    summary: "Streams the users on topics: the current state, then each change.",
    parameters: [TOPICS],
    responses: { 200: stream("The stream.", "PresenceEvent") },
  },
  "/auth/renew": {
    summary: "Extends a stream of the same user to the expiry of a new token.",
    requestBody: fields({ connection: { ...text, description: "The header Onward-Connection of the stream." } }, [
      "connection",
    ]),
    responses: {
      200: json("Extended.", {
        type: "object",
        required: ["expiresAt"],
        properties: { expiresAt: { ...text, format: "date-time" } },
      }),
    },
  },
  "/auth/revoke": {
    summary: "Revokes tokens, and ends their streams at every hub. For administrators.",
    requestBody: fields({ issuer: text, userId: text, tokenId: text, before: { ...text, format: "date-time" } }),
    responses: { 200: json("Revoked.", { type: "object", properties: { revoked: { const: true } } }) },
  },
  "/auth/tickets": {
    summary: "Creates a ticket for an EventSource, which cannot send headers.",
    requestBody: fields({ topic: { type: "array", items: text }, userId: text, expiresIn: { type: "integer" } }),
    responses: {
      200: json("The ticket.", { type: "object", required: ["ticket"], properties: { ticket: text } }),
    },
  },
  "/livez": health("Whether the process works. Restart one that does not answer."),
  "/readyz": health("Whether the hub should get requests."),
  "/healthz": health("Like /readyz; on the admin port with numbers."),
  "/openapi.json": {
    summary: "This document.",
    responses: { 200: json("OpenAPI 3.2.", { type: "object" }) },
  },
}
