import { checkContract, type EventContract, type EventSchemas } from "../events.ts"
import { checkNames } from "../options.ts"
import { componentNames, dataSchema, toComponent } from "./components.ts"
import { convertAll, type JsonSchema, type JsonSchemaOptions } from "./json-schema.ts"
import { controlEvents, eventSchema, streamComponents } from "./stream-events.ts"

/** What an OpenAPI document says besides the events. */
export interface OpenApiOptions extends JsonSchemaOptions {
  /** The name of the API. */
  readonly title: string
  /** The version of the API, not of OpenAPI. */
  readonly version: string
  /** The path of the stream, such as `/events`. Parameters in braces are declared as text: `/rooms/{room}`. */
  readonly path: string
  /** The method of the request. @default "get" */
  readonly method?: "get" | "post" | "query"
  /** What the stream is for. @default none */
  readonly summary?: string
  /** The URLs of the API. @default the document's own */
  readonly servers?: readonly string[]
}

/** An OpenAPI document: an object to serve as JSON. */
export interface OpenApiDocument {
  readonly openapi: "3.2.0"
  readonly info: Readonly<Record<string, unknown>>
  readonly servers?: readonly Readonly<Record<string, unknown>>[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> }
}

const NAMES = ["title", "version", "path", "method", "summary", "servers", "side", "toJsonSchema"]

/**
 * Describes a stream of a contract's events as an OpenAPI 3.2 document, so that other languages can generate clients: the response is
 * `text/event-stream`, and its `itemSchema` (OAS 3.2 section 4.14.4) has one branch for each event, and one for each control event.
 * Copy `paths` and `components` to add it to a larger document.
 *
 * @throws TypeError for a schema that cannot be converted, and for options that do not exist
 * @example
 * const document = toOpenApi(events, { title: "Prices", version: "1.0.0", path: "/events" })
 */
export function toOpenApi<S extends EventSchemas>(events: EventContract<S>, options: OpenApiOptions): OpenApiDocument {
  checkContract("toOpenApi", events)
  checkNames("toOpenApi", options, NAMES)
  const { title, version, path, method = "get", summary, servers } = options
  if (typeof path !== "string" || !path.startsWith("/")) {
    throw new TypeError(`toOpenApi: \`path\` must start with a slash, like "/events", not ${JSON.stringify(path)}.`)
  }
  const schemas = Object.entries(convertAll(events, options))
  const names = componentNames(
    schemas.map(([event]) => event),
    Object.keys(streamComponents),
  )
  const components = schemas.map(([event, schema]) => {
    const name = names.get(event) as string
    return { event, name, component: toComponent(name, schema) }
  })
  return {
    openapi: "3.2.0",
    info: { title, version },
    ...(servers && { servers: servers.map((url) => ({ url })) }),
    paths: {
      [path]: {
        [method]: {
          ...(summary !== undefined && { summary }),
          parameters: [...pathParameters(path), LAST_EVENT_ID],
          responses: {
            200: {
              description: "The stream. It stays open, and a client that reconnects resumes after Last-Event-ID.",
              content: {
                "text/event-stream": {
                  itemSchema: {
                    oneOf: [
                      ...components.map(({ event, name, component }) =>
                        eventSchema(event, dataSchema(name, component)),
                      ),
                      ...controlEvents,
                    ],
                  },
                },
              },
            },
            204: { description: "The stream has ended, and nothing follows. Do not reconnect." },
          },
        },
      },
    },
    components: {
      schemas: {
        ...streamComponents,
        ...Object.fromEntries(components.map(({ name, component }) => [name, component])),
      },
    },
  }
}

const LAST_EVENT_ID = {
  name: "Last-Event-ID",
  in: "header",
  description: "The id of the last event that the client received.",
  schema: { type: "string" },
} as const

const pathParameters = (path: string): object[] =>
  [...path.matchAll(/\{([^{}/]+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }))
