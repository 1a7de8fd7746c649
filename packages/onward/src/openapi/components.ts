import type { JsonSchema } from "./json-schema.ts"

/** Keywords whose values are data, in which nothing is a reference. */
const DATA = new Set(["const", "default", "enum", "examples"])

/** Returns a schema as a component of an OpenAPI document: its references, which start at its own root, start at the document's. */
export function toComponent(name: string, { $schema: _, ...schema }: JsonSchema): JsonSchema {
  const root = `#/components/schemas/${name}`
  const moved = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(moved)
    if (typeof value !== "object" || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, part]) => {
        if (DATA.has(key)) return [key, part as unknown]
        const isOwn = key === "$ref" && typeof part === "string" && /^#(?:\/|$)/.test(part)
        return [key, isOwn ? root + part.slice(1) : moved(part)]
      }),
    )
  }
  return moved(schema) as JsonSchema
}

/** Names components after events, and not like the reserved ones: OpenAPI allows letters, digits, `.`, `_` and `-` (OAS 3.2 section 4.7.2). */
export function componentNames(events: readonly string[], reserved: readonly string[]): Map<string, string> {
  const taken = new Set(reserved)
  return new Map(
    events.map((event) => {
      const plain = event.replaceAll(/[^\w.-]/g, "_")
      let name = plain
      for (let number = 2; taken.has(name); number++) name = `${plain}_${number}`
      taken.add(name)
      return [event, name]
    }),
  )
}

/** The types that a schema allows; undefined when it does not say. */
function typesOf(schema: JsonSchema): readonly string[] | undefined {
  const { type, anyOf, oneOf, enum: values } = schema
  if (typeof type === "string") return [type]
  if (Array.isArray(type)) return type as string[]
  const branches = anyOf ?? oneOf
  if (Array.isArray(branches)) {
    const types = branches.map((branch) => typesOf(branch as JsonSchema))
    return types.every((each) => each !== undefined) ? types.flat() : undefined
  }
  const constants = "const" in schema ? [schema["const"]] : Array.isArray(values) ? (values as unknown[]) : undefined
  return constants?.map((value) => (typeof value === "string" ? "string" : "other"))
}

/**
 * The schema of the `data` field of an event, which is text on the wire (OAS 3.2 section 4.14.4): strings are sent as they are, and all other
 * values as JSON.
 */
export function dataSchema(name: string, component: JsonSchema): JsonSchema {
  const ref = { $ref: `#/components/schemas/${name}` }
  const types = typesOf(component)
  if (types?.every((type) => type === "string")) return ref
  if (types && !types.includes("string")) {
    return { type: "string", contentMediaType: "application/json", contentSchema: ref }
  }
  return { type: "string", description: `${ref.$ref}: a string is sent as it is, any other value as JSON.` }
}
