import { checkContract, type EventContract, type EventSchemas, type Schema } from "../events.ts"
import { kindOf } from "../kind.ts"
import { checkNames } from "../options.ts"

/** A JSON Schema of draft 2020-12, the dialect of OpenAPI 3.1 and later. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** How schemas become JSON Schemas. */
export interface JsonSchemaOptions {
  /**
   * Which side of schemas that transform data: `output`, what a hub with the contract sends, or `input`, what it accepts from publishers.
   * @default "output"
   */
  readonly side?: "input" | "output"
  /**
   * Converts a schema whose library does not implement Standard JSON Schema, such as `(schema) => toJsonSchema(schema)` of
   * `@valibot/to-json-schema`. @default the schema's own `~standard.jsonSchema`, as Zod 4.2 and ArkType 2.1.28 have it
   */
  readonly toJsonSchema?: (schema: Schema, event: string) => JsonSchema
}

/** The part of Standard JSON Schema v1 (standardschema.dev/json-schema) that Onward uses. */
interface Converter {
  readonly input: (options: { readonly target: string }) => JsonSchema
  readonly output: (options: { readonly target: string }) => JsonSchema
}

/**
 * Returns the JSON Schema of each event's data, by event name.
 * @throws TypeError for a schema that cannot be converted, whose message names the event, and for options that do not exist
 */
export function toJsonSchemas<S extends EventSchemas>(
  events: EventContract<S>,
  options: JsonSchemaOptions = {},
): Record<string, JsonSchema> {
  checkContract("toJsonSchemas", events)
  checkNames("toJsonSchemas", options, ["side", "toJsonSchema"])
  return convertAll(events, options)
}

/** As `toJsonSchemas`, for a caller that has checked the arguments. */
export function convertAll<S extends EventSchemas>(
  events: EventContract<S>,
  options: JsonSchemaOptions,
): Record<string, JsonSchema> {
  return Object.fromEntries(
    Object.entries(events.schemas).map(([event, schema]) => [event, convert(event, schema, options)]),
  )
}

function convert(event: string, schema: Schema, { side = "output", toJsonSchema }: JsonSchemaOptions): JsonSchema {
  const { vendor, jsonSchema } = schema["~standard"] as Schema["~standard"] & { readonly jsonSchema?: Converter }
  const isOwn = typeof jsonSchema?.[side] === "function"
  if (!toJsonSchema && !isOwn) {
    throw new TypeError(
      `The schema of "${event}" (${vendor}) has no JSON Schema. Pass \`toJsonSchema\`, for Valibot toJsonSchema of @valibot/to-json-schema.`,
    )
  }
  let converted: unknown
  try {
    converted = toJsonSchema ? toJsonSchema(schema, event) : jsonSchema?.[side]({ target: "draft-2020-12" })
  } catch (cause) {
    throw new TypeError(`The schema of "${event}" cannot be converted to JSON Schema: ${(cause as Error).message}`, {
      cause,
    })
  }
  if (typeof converted !== "object" || converted === null || Array.isArray(converted)) {
    throw new TypeError(`\`toJsonSchema\` must return an object for "${event}", not ${kindOf(converted)}.`)
  }
  return converted as JsonSchema
}
