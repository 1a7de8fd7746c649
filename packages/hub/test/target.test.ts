import assert from "node:assert/strict"
import type { IncomingMessage } from "node:http"
import { test } from "node:test"
import { targetOf } from "../src/target.ts"

const request = (url: string): IncomingMessage => ({ url, headers: { host: "hub.example" } }) as IncomingMessage

test("requests with the same target share a parsed URL, and no more than a few hundred are kept", () => {
  const parse = (url: string): URL | undefined => targetOf(request(url))?.url
  const first = parse("/events?topic=a")
  assert.equal(first?.searchParams.get("topic"), "a")
  assert.equal(parse("/events?topic=a"), first)
  assert.notEqual(parse("/events?topic=b"), first)
  const long = `/events?topic=${"a".repeat(2_000)}`
  assert.notEqual(parse(long), parse(long))
  for (let i = 0; i < 300; i++) parse(`/events?topic=${i}`)
  assert.notEqual(parse("/events?topic=a"), first)
})
