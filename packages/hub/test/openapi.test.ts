import assert from "node:assert/strict"
import { test } from "node:test"
import { Validator } from "@seriousme/openapi-schema-validator"
import { operations } from "../src/openapi/operations.ts"
import { KEY } from "./mercure/mercure-hub.ts"
import { testServer, type TestServer } from "./server.ts"

interface Described {
  readonly openapi: string
  readonly servers: readonly { url: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, { summary?: string; security?: unknown }>>>>
}

const documentOf = async (server: TestServer): Promise<Described> =>
  (await (await fetch(`${server.url}/openapi.json`)).json()) as Described

test("the hub describes each of its routes at /openapi.json, and each described route answers", async (t) => {
  const auth = { tickets: { secret: "s".repeat(32) }, anonymous: { subscribe: ["*"], publish: ["*"] } }
  const server = await testServer(t, { log: "memory:", presence: ["*"], auth })
  const document = await documentOf(server)
  const { valid, errors } = await new Validator().validate(structuredClone(document) as never)
  assert.ok(valid, JSON.stringify(errors))
  // nothing is described that no hub has
  assert.deepEqual(Object.keys(document.paths).sort(), Object.keys(operations).sort())
  for (const [path, item] of Object.entries(document.paths)) {
    assert.ok(Object.keys(item).length > 0, `${path} has no description`)
    for (const [method, { summary }] of Object.entries(item)) {
      assert.ok(summary, `${method} ${path} has no summary`)
      const leaving = new AbortController()
      const response = await fetch(`${server.url}${path}?topic=a`, {
        method: method.toUpperCase(),
        signal: leaving.signal,
      })
      assert.ok(![404, 405, 501].includes(response.status), `${method} ${path}: ${response.status}`)
      leaving.abort()
    }
  }
})

test("the document has the routes and the URLs of this hub only", async (t) => {
  const server = await testServer(t, { log: "memory:", publicUrls: ["https://events.example.com"] })
  const { paths, servers } = await documentOf(server)
  assert.deepEqual(servers, [{ url: "https://events.example.com" }])
  assert.ok(paths["/events"] && !paths["/presence"] && !paths["/auth/renew"])
})

test("a hub with a Mercure endpoint describes it, at its own path", async (t) => {
  const mercure = {
    path: "/hub",
    publisher: { key: KEY },
    subscriber: { key: KEY },
    anonymous: true,
    subscriptions: true,
  }
  const server = await testServer(t, { log: "memory:", mercure })
  const document = await documentOf(server)
  const { valid, errors } = await new Validator().validate(structuredClone(document) as never)
  assert.ok(valid, JSON.stringify(errors))
  const described = Object.entries(document.paths).filter(([path]) => path.includes("hub"))
  assert.deepEqual(
    described.map(([path, item]) => [path, Object.keys(item)]),
    [
      ["/hub", ["get", "head", "query", "post"]],
      ["/hub/subscriptions", ["get", "head"]],
      ["/hub/subscriptions/{selector}", ["get", "head"]],
      ["/hub/subscriptions/{selector}/{subscriber}", ["get", "head"]],
      ["/.well-known/oauth-protected-resource/hub", ["get", "head"]],
    ],
  )
  const hasBody = Object.entries(document.paths["/hub"] ?? {}).filter(([, operation]) => "requestBody" in operation)
  assert.deepEqual(
    hasBody.map(([method]) => method),
    ["query", "post"],
  )
  assert.partialDeepStrictEqual(document.paths["/hub"]?.["post"], {
    requestBody: {
      required: true,
      content: {
        "application/x-www-form-urlencoded": {
          schema: { required: ["topic"], properties: { topic: { minItems: 1 }, retry: { minimum: 0 } } },
        },
      },
    },
  })
  const ids = Object.values(document.paths).flatMap((item) =>
    Object.values(item).map((operation) => (operation as { operationId?: string }).operationId),
  )
  assert.equal(new Set(ids).size, ids.length)
  for (const [path, item] of described) {
    const url = server.url + path.replaceAll(/\{\w+\}/g, "x")
    for (const method of Object.keys(item)) {
      const leaving = new AbortController()
      const init = { method: method.toUpperCase(), signal: leaving.signal }
      const { status } = await fetch(`${url}?topic=a`, init)
      assert.ok(![404, 405, 501].includes(status) || path.includes("{subscriber}"), `${method} ${path}: ${status}`)
      leaving.abort()
    }
  }
})

test("the document tells what each request must have", async (t) => {
  const auth = { tickets: { secret: "s".repeat(32) }, anonymous: { subscribe: ["*"], publish: ["*"] } }
  const document = await documentOf(await testServer(t, { log: "memory:", presence: ["*"], auth }))
  const all = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => [`${method} ${path}`, operation] as const),
  )
  const bodies = all.filter(([, operation]) => "requestBody" in operation)
  assert.deepEqual(bodies.map(([name]) => name).sort(), [
    ...["post /auth/renew", "post /auth/revoke", "post /auth/tickets", "post /publish"],
  ])
  for (const [, { requestBody }] of bodies as [string, { requestBody: { required: boolean } }][]) {
    assert.ok(requestBody.required)
  }
  for (const [name, { security }] of all) {
    const isOpen = /\/(?:livez|readyz|healthz|openapi\.json)$/.test(name)
    if (isOpen) assert.deepEqual(security, [], name)
  }
  const topic = { name: "topic", required: true, schema: { minItems: 1 } }
  assert.partialDeepStrictEqual(document, {
    paths: {
      "/events": { get: { parameters: [topic] } },
      "/presence": { get: { parameters: [topic] } },
      "/publish": {
        post: {
          requestBody: {
            content: { "application/json": { schema: { oneOf: [{}, { type: "array", maxItems: 1_000 }] } } },
          },
        },
      },
    },
    components: {
      schemas: {
        Message: { additionalProperties: false, properties: { also: { maxItems: 999 }, retry: { minimum: 0 } } },
        Published: { properties: { repeated: { const: true } } },
        Event: { oneOf: [{ properties: { retry: { minimum: 0 } } }] },
      },
    },
  })
})
