import type { DescribedRoute } from "../mercure/index.ts"
import { json, LAST_EVENT_ID, query, ref, stream, type Operation } from "./operations.ts"

const text = { type: "string" }
const texts = { type: "array", items: text }

const SELECTORS = [
  query("topic", "Mercure 0.x: exact topics, URI templates, or `*`. Repeat it for more.", texts),
  query("match", "Mercure 1.0: exact topics, or `*`.", texts),
  query("match_exact", "Like `match`.", texts),
  query("match_urlpattern", "Mercure 1.0: URL patterns.", texts),
]

const SUBSCRIBE: Operation = {
  summary: "Subscribes to topics, as Mercure's protocol says.",
  parameters: [
    ...SELECTORS,
    LAST_EVENT_ID,
    query("lastEventID", "Like Last-Event-ID, for clients that cannot set headers; in 1.0 `last_event_id`."),
  ],
  responses: { 200: stream("The stream.", "Event") },
}

/** QUERY (RFC 10008) has the parameters in its body. */
const QUERY: Operation = {
  ...SUBSCRIBE,
  requestBody: {
    content: {
      "application/x-www-form-urlencoded": {
        schema: {
          type: "object",
          properties: { topic: texts, match: texts, match_exact: texts, match_urlpattern: texts },
        },
      },
    },
  },
}

const PUBLISH: Operation = {
  summary: "Publishes an update. Answers with its id.",
  requestBody: {
    required: true,
    content: {
      "application/x-www-form-urlencoded": {
        schema: {
          type: "object",
          required: ["topic"],
          properties: {
            topic: { ...texts, minItems: 1, description: "The canonical topic, then alternate ones." },
            data: text,
            private: { ...text, description: "Any value: only authorized subscribers receive the update." },
            id: text,
            type: { ...text, description: "The name of the event." },
            retry: { type: "integer", minimum: 0, description: "The reconnection time for clients, in ms." },
          },
        },
      },
    },
  },
  responses: { 200: { description: "The id.", content: { "text/plain": { schema: text } } } },
}

/** The operations of each route of the Mercure endpoint, by the method. */
export const mercureOperations: Readonly<Record<DescribedRoute["operation"], (method: string) => Operation>> = {
  mercure: (method) => (method === "POST" ? PUBLISH : method === "QUERY" ? QUERY : SUBSCRIBE),
  "mercure/subscriptions": () => ({
    summary: "Lists the open subscriptions: all, or those of one selector. In 1.0 its path has the type and the value.",
    responses: { 200: json("The subscriptions.", ref("MercureSubscriptions")) },
  }),
  "mercure/subscription": () => ({
    summary: "One subscription; in 1.0 the subscriptions of a selector, by its type and value.",
    responses: { 200: json("The subscription.", { type: "object" }) },
  }),
  "mercure/metadata": () => ({
    summary: "Describes the endpoint as a protected resource (RFC 9728).",
    responses: { 200: json("The metadata.", { type: "object", required: ["resource"] }) },
  }),
}
