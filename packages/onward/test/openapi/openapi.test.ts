import assert from "node:assert/strict"
import { test } from "node:test"
import { Validator } from "@seriousme/openapi-schema-validator"
import { toJsonSchema } from "@valibot/to-json-schema"
import { Ajv2020 } from "ajv/dist/2020.js"
import { createHub, defineEvents, type Schema } from "onward"
import { toJsonSchemas, toOpenApi } from "onward/openapi"
import { createParser } from "onward/protocol"
import { sse } from "onward/web"
import * as v from "valibot"
import { z } from "zod"

const node: z.ZodType = z.object({
  name: z.string(),
  get children() {
    return z.array(node)
  },
})

const events = defineEvents({
  tick: z.object({ symbol: z.string(), price: z.number() }),
  "order/placed": z.object({ at: z.string() }),
  order_placed: z.object({ id: z.int() }),
  StreamGap: z.number(),
  tree: node,
  message: z.string(),
  level: z.enum(["low", "high"]),
  either: z.union([z.string(), z.number()]),
})

const OPTIONS = { title: "Prices", version: "1.2.3", path: "/rooms/{room}/events", summary: "Prices of a room" }

// it compiles the schema of OpenAPI, once
const validator = new Validator()

async function errorsOf(document: object): Promise<unknown> {
  const { valid, errors } = await validator.validate(structuredClone(document) as Record<string, unknown>)
  return valid ? undefined : errors
}

test("a contract becomes an OpenAPI 3.2 document that a validator accepts", async () => {
  const document = toOpenApi(events, OPTIONS)
  assert.equal(await errorsOf(document), undefined)
  assert.deepEqual(Object.keys(document.components.schemas), [
    "StreamGap",
    "tick",
    "order_placed",
    "order_placed_2",
    "StreamGap_2",
    "tree",
    "message",
    "level",
    "either",
  ])
  for (const broken of [
    { ...document, paths: 1 },
    { ...document, openapi: "9.9.9" },
  ]) {
    assert.notEqual(await errorsOf(broken), undefined, "the validator accepts anything")
  }
})

/** Each event of a stream as OpenAPI models it: an object of the fields that are there (OAS 3.2 section 4.14.4). */
function modelled(text: string): object[] {
  return text
    .split("\n\n")
    .map((block) => block.split("\n").filter((line) => /^\w/.test(line)))
    .filter((lines) => lines.some((line) => line.startsWith("data")))
    .map((lines) => {
      const fields: Record<string, unknown> = {}
      for (const line of lines) {
        const [, name = "", value = ""] = /^(\w+): ?(.*)$/.exec(line) ?? []
        fields[name] = name in fields ? `${String(fields[name])}\n${value}` : value
      }
      // the standard ignores another value than digits, as stream.end has it
      const retry = /^\d+$/.test(String(fields["retry"])) ? { retry: Number(fields["retry"]) } : {}
      const { retry: _, ...others } = fields
      return { ...others, ...retry }
    })
}

test("the events that a hub sends fit the itemSchema, and others do not", async () => {
  const hub = createHub({ events })
  const leaf = { name: "leaf", children: [] }
  await hub.publishMany([
    { topic: "a", event: "tick", data: { symbol: "ACME", price: 1.5 } },
    { topic: "a", event: "order/placed", data: { at: "now" } },
    { topic: "a", event: "StreamGap", data: 7 },
    { topic: "a", event: "tree", data: { name: "root", children: [leaf] } },
    { topic: "a", event: "message", data: "not JSON\nat all" },
    { topic: "a", event: "level", data: "low" },
    { topic: "a", event: "either", data: 1 },
  ])
  const request = new Request("http://a.example/events", { headers: { "last-event-id": "unknown" } })
  const response = sse(request, hub.subscribe({ topics: ["a"], follow: false }))
  const items = modelled(await (await response).text())
  await hub.close()
  const names: string[] = []
  createParser({ onEvent: ({ event }) => void names.push(event) })
  const document = toOpenApi(events, OPTIONS)
  const ajv = new Ajv2020({ strict: false })
  ajv.addSchema({ $id: "http://a.example/openapi.json", ...document })
  const operation = document.paths[OPTIONS.path]?.["get"] as {
    responses: { 200: { content: { "text/event-stream": { itemSchema: object } } } }
  }
  const { itemSchema } = operation.responses[200].content["text/event-stream"]
  const item = { ...itemSchema, $id: "http://a.example/openapi.json/item" }
  // references start at the document's root
  const text = JSON.stringify(item).replaceAll('"#/', '"http://a.example/openapi.json#/')
  const validate = ajv.compile(JSON.parse(text) as object)
  /** The schema of an event's data, applied to what its text says. */
  const dataFits = (name: string, data: unknown): boolean =>
    ajv.validate({ $ref: `http://a.example/openapi.json#/components/schemas/${name}` }, data)

  assert.equal(items.length, 9, JSON.stringify(items))
  for (const each of items) {
    assert.ok(validate(each), `${JSON.stringify(each)}: ${ajv.errorsText(validate.errors)}`)
  }
  for (const wrong of [
    { data: "x", event: "nosuch" },
    { event: "tick" },
    { event: "level", data: "medium" },
    { event: "tick", data: 7 },
  ]) {
    assert.ok(!validate(wrong), JSON.stringify(wrong))
  }
  assert.ok(dataFits("tick", { symbol: "ACME", price: 1 }))
  assert.ok(!dataFits("tick", { symbol: "ACME" }))
  // a schema that refers to itself still does in the document
  assert.ok(dataFits("tree", { name: "root", children: [leaf] }))
  assert.ok(!dataFits("tree", { name: "root", children: [{ name: 7 }] }))
})

test("schemas that transform have a side for publishers and one for clients", () => {
  const dated = defineEvents({
    at: z.codec(z.iso.datetime(), z.number(), { decode: Date.parse, encode: (ms) => new Date(ms).toISOString() }),
  })
  assert.equal(toJsonSchemas(dated)["at"]?.["type"], "number")
  assert.equal(toJsonSchemas(dated, { side: "input" })["at"]?.["type"], "string")
})

test("a library without JSON Schema of its own needs a converter", () => {
  const contract = defineEvents({ tick: v.object({ price: v.number() }) })
  assert.throws(() => toJsonSchemas(contract), {
    name: "TypeError",
    message: /^The schema of "tick" \(valibot\) has no JSON Schema\. Pass `toJsonSchema`/,
  })
  const convert = (schema: Schema): Record<string, unknown> => toJsonSchema(schema as never) as Record<string, unknown>
  const { tick } = toJsonSchemas(contract, { toJsonSchema: convert })
  assert.deepEqual(tick?.["properties"], { price: { type: "number" } })
  assert.throws(() => toJsonSchemas(defineEvents({ a: z.date() })), {
    message: /^The schema of "a" cannot be converted to JSON Schema: /,
  })
})

test("references within a schema stay within it, and properties named like a keyword are no references", () => {
  const schema = (jsonSchema: object): Schema =>
    ({ "~standard": { version: 1, vendor: "x", validate: (value: unknown) => ({ value }), jsonSchema } }) as never
  const converted = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    properties: { $ref: { $ref: "#/$defs/a" }, self: { $ref: "#" }, other: { const: { $ref: "#/x" } } },
    $defs: { a: { type: "number" } },
  }
  const contract = defineEvents({ e: schema({ output: () => converted }) })
  assert.deepEqual(toOpenApi(contract, OPTIONS).components.schemas["e"], {
    type: "object",
    properties: {
      $ref: { $ref: "#/components/schemas/e/$defs/a" },
      self: { $ref: "#/components/schemas/e" },
      other: { const: { $ref: "#/x" } },
    },
    $defs: { a: { type: "number" } },
  })
})

test("options that do not exist and paths without a slash are refused", () => {
  assert.throws(
    () => toOpenApi(events, { ...OPTIONS, sumary: "x" } as never),
    /has no option "sumary"\. Did you mean "summary"\?/,
  )
  assert.throws(() => toOpenApi(events, { ...OPTIONS, path: "events" }), /`path` must start with a slash/)
})
