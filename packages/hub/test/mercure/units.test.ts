import assert from "node:assert/strict"
import type { IncomingMessage } from "node:http"
import { test } from "node:test"
import { cursorOf, fromLatin1, selectorsOf, toLatin1 } from "../../src/mercure/asked.ts"
import { dialectOfToken, findToken } from "../../src/mercure/credentials.ts"
import { dialectOf } from "../../src/mercure/dialect.ts"
import { grantsOfDetails, legacyGrants, showGrants } from "../../src/mercure/grants.ts"
import { foreignPage } from "../../src/mercure/page-origin.ts"
import { createPlaces } from "../../src/mercure/place.ts"
import { refusalsOf } from "../../src/mercure/refusals.ts"
import { compileUrlPattern } from "../../src/mercure/selectors/url-pattern.ts"

const BASE = "https://hub.example/.well-known/mercure"
const reqOf = (headers: Record<string, string>, rawHeaders: string[] = []): IncomingMessage =>
  ({ headers, rawHeaders }) as unknown as IncomingMessage

test("the dialect of a request is told by its parameters", () => {
  for (const [names, dialect] of [
    [["topic"], 0],
    [["topic", "matchOther"], 0],
    [["topic", "match"], 1],
    [["match_urlpattern"], 1],
    [["matchOther"], 1],
    [["MATCH"], 1],
    [[], 0],
    [["other"], 0],
  ] as const) {
    assert.equal(dialectOf(names), dialect, names.join())
  }
})

test("the selectors of a request are read, each once, within their limits", async () => {
  const read = async (names: readonly (readonly [string, string])[], dialect: 0 | 1 = 1): Promise<number> =>
    (await selectorsOf(names, dialect, BASE)).length
  assert.equal(
    await read([
      ["match", "a"],
      ["match_exact", "a"],
      ["match_urlpattern", "a"],
      ["topic", "a"],
      ["x", "y"],
    ]),
    3,
  )
  assert.equal(
    await read(
      [
        ["topic", "a"],
        ["match", "b"],
        ["matchOther", "c"],
      ],
      0,
    ),
    1,
  )
  const many = (count: number) => Array.from({ length: count }, (_, i) => ["match", `t${i}`] as const)
  assert.equal(await read(many(1_000)), 1_000)
  assert.equal(await read([["match", "é".repeat(2_048)]]), 1)
  for (const [names, dialect, message] of [
    [[], 0, 'Missing "topic" parameter.'],
    [[["match", "a"]], 0, 'Missing "topic" parameter.'],
    [[], 1, 'Missing "match" parameter. Name at least one topic.'],
    [[["matchOther", "a"]], 1, 'Unknown parameter "matchOther". Use match, match_exact or match_urlpattern.'],
    [many(1_001), 1, "The request has 1001 selectors, and can have 1000."],
    [[["match", ""]], 1, "A selector has 1 to 4096 bytes."],
    [[["match", "x".repeat(4_097)]], 1, "A selector has 1 to 4096 bytes."],
    [[["match", "a\u202e"]], 1, "A selector cannot hold control or format characters."],
    [[["match_urlpattern", "https://{"]], 1, /^A URL pattern is invalid: /],
  ] as const) {
    await assert.rejects(read(names, dialect), { status: 400, code: "invalid_selector", message })
  }
})

test("the last event id is read from the header, else from the parameter of the dialect", () => {
  const both = [
    ["last_event_id", "new"],
    ["lastEventID", "old"],
  ] as const
  assert.deepEqual([cursorOf(reqOf({}), both, 0), cursorOf(reqOf({}), both, 1)], ["old", "new"])
  assert.equal(cursorOf(reqOf({ "last-event-id": "Ã©" }), both, 0), "é")
  assert.equal(cursorOf(reqOf({}), [["Last-Event-ID", "a"]], 1), "a")
  assert.equal(cursorOf(reqOf({}), [["other", "a"]], 1), undefined)
  for (const text of ["", "plain", "é🦊", "\ufeffa"]) assert.equal(fromLatin1(toLatin1(text)), text)
  assert.equal(fromLatin1("\u00ff"), "\u00ff")
})

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url")

test("a token is found in the header, the query or the cookie, in this order, and an invalid header is told", () => {
  const places = { cookie: "c", inQuery: "q" }
  const find = (headers: Record<string, string>, raw?: string[], where: typeof places | object = places) =>
    findToken(reqOf(headers, raw), where as typeof places)
  assert.deepEqual(find({ authorization: "bearer  a.b= ", cookie: "c=1" }), { from: "header", token: "a.b=" })
  assert.deepEqual(find({ cookie: "c=1" }), { from: "query", token: "q" })
  assert.deepEqual(find({ cookie: "x=2; c=1" }, [], { cookie: "c", inQuery: undefined }), {
    from: "cookie",
    token: "1",
  })
  assert.equal(find({}, [], { cookie: "c", inQuery: "" }), undefined)
  assert.deepEqual(find({ cookie: "c=1; c=2" }, [], { cookie: "c", inQuery: undefined }), {
    malformed: "there are two cookies c",
  })
  assert.deepEqual(find({ authorization: "Bearer a" }, ["Authorization", "a", "authorization", "b"]), {
    malformed: "there are two Authorization headers",
  })
  assert.deepEqual(find({ authorization: "Basic a" }), {
    malformed: "the Authorization header is not of the form `Bearer <token>`",
  })
  for (const [typ, dialect] of [
    ["at+jwt", 1],
    ["application/AT+JWT", 1],
    ["JWT", 0],
    [1, 0],
    [undefined, 0],
  ] as const) {
    assert.equal(dialectOfToken(`${encode({ typ })}.x.y`), dialect)
  }
  assert.deepEqual([dialectOfToken(""), dialectOfToken("x"), dialectOfToken(encode(null))], [0, 0, 0])
})

test("a page may publish by a cookie if its origin is the hub's own or listed", () => {
  const check = (headers: Record<string, string>, allowed: string[] = []): string | undefined =>
    foreignPage(reqOf(headers), allowed, ["https://hub.example"])
  assert.equal(check({ origin: "https://hub.example" }), undefined)
  assert.equal(check({ referer: "https://hub.example/page?a" }), undefined)
  assert.equal(check({ origin: "https://a.example" }, ["https://a.example"]), undefined)
  assert.equal(check({ origin: "https://a.b.example" }, ["https://*.example"]), undefined)
  assert.equal(check({ origin: "https://a.example" }, ["*"]), undefined)
  for (const headers of [{}, { referer: "no URL" }, { referer: "data:text/html,a" }]) {
    assert.equal(check(headers, ["*"]), "cookie blocked: neither Origin nor Referer")
  }
  for (const [origin, allowed] of [
    ["null", ["*"]],
    ["https://a.example.evil", ["https://*.example"]],
    ["https://.example", ["https://*.example"]],
    ["http://a.example", ["https://*.example", "https://a.example"]],
    ["https://a.example", []],
  ] as const) {
    assert.equal(check({ origin }, [...allowed]), `cookie blocked: Origin "${origin}" is not in mercure.publishOrigins`)
  }
})

test("the hub is where it is configured, else where the request says", () => {
  const placeOf = (headers: Record<string, string>, publicUrls: string[] = [], resource?: string, isTls = false) =>
    createPlaces({ settings: { path: "/m", ...(resource !== undefined && { resource }) }, publicUrls, isTls })(
      reqOf(headers),
    )
  assert.deepEqual(placeOf({ host: "a:1" }), {
    ...{ base: "http://a:1/m", url: "http://a:1/m", resource: "http://a:1/m", origins: ["http://a:1"] },
    metadata: "http://a:1/.well-known/oauth-protected-resource/m",
  })
  assert.equal(placeOf({ ":authority": "a" }, [], undefined, true).url, "https://a/m")
  assert.equal(placeOf({}).url, "http://localhost/m")
  assert.equal(placeOf({ host: "a b" }).url, "http://localhost/m")
  const urls = ["https://one.example", "https://two.example"]
  assert.partialDeepStrictEqual(placeOf({ host: "two.example" }, urls), {
    ...{ base: "https://one.example/m", url: "https://two.example/m", resource: "https://two.example/m" },
    origins: [...urls, "http://two.example"],
  })
  assert.partialDeepStrictEqual(placeOf({ host: "other" }, urls), { url: "https://one.example/m", resource: undefined })
  assert.partialDeepStrictEqual(placeOf({ host: "other" }, urls, "urn:hub"), { base: "urn:hub", resource: "urn:hub" })
})

test("each refusal has the status and the challenge of its dialect", () => {
  for (const [name, status, error] of [
    ["missingToken", 401, undefined],
    ["invalidRequest", 400, "invalid_request"],
    ["insufficientScope", 403, "insufficient_scope"],
  ] as const) {
    const challenge = `Bearer resource_metadata="m"${error === undefined ? "" : `, error="${error}"`}`
    const [old, modern] = [refusalsOf(0, "m")[name]("why"), refusalsOf(1, "m")[name]("why")]
    for (const each of [old, modern]) {
      assert.deepEqual([each.reason, each.code], ["why", error ?? "unauthenticated"])
      assert.equal(each.headers["www-authenticate"], challenge)
    }
    assert.deepEqual([old.status, modern.status, old.method, modern.method], [401, status, "mercure0", "mercure1"])
    assert.equal(old.message, "Unauthorized. The request needs a token that allows it.")
    assert.notEqual(modern.message, old.message)
  }
  const refused = refusalsOf(1, "m").invalidToken({ reason: "why", outcome: "expired" })
  assert.deepEqual([refused.status, refused.code, refused.outcome], [401, "invalid_token", "expired"])
})

const DETAIL = "https://mercure.rocks/authorization-detail"

test("the grants of a token of Mercure 0.x are lists of texts", () => {
  const topic = (value: string): object => ({ type: "topic", value })
  assert.deepEqual(legacyGrants({ mercure: { publish: ["a"], subscribe: ["b"], payload: 1 } }), {
    ...{ publish: [topic("a")], subscribe: [topic("b")] },
    payloads: [{ grants: [topic("*")], payload: 1 }],
  })
  assert.deepEqual(legacyGrants({}), { publish: [], subscribe: [], payloads: [] })
  const both = { mercure: { publish: ["a"] }, "https://mercure.rocks/": { publish: ["b"] } }
  assert.deepEqual(legacyGrants(both).publish, [topic("b")])
  const list = (length: number): string[] => Array.from({ length }, (_, i) => `t${i}`)
  assert.equal(legacyGrants({ mercure: { publish: list(1_000) } }).publish.length, 1_000)
  for (const [mercure, reason] of [
    [[], "the claim mercure is not an object"],
    ["a", "the claim mercure is not an object"],
    [{ publish: "a" }, "mercure.publish is not a list of texts"],
    [{ subscribe: ["a", 1] }, "mercure.subscribe is not a list of texts"],
    [{ publish: list(1_001) }, "the token has 1001 grants for one action, and may have 1000"],
  ] as const) {
    assert.throws(() => legacyGrants({ mercure }), { status: 401, reason })
  }
  const shown = list(12).map((value) => ({ type: "topic", value }) as const)
  assert.equal(showGrants(shown), `[${list(10).join(", ")}, and 2 more]`)
  assert.equal(showGrants(shown.slice(0, 10)), `[${list(10).join(", ")}]`)
})

test("one malformed authorization detail makes the whole token invalid, and details of other types are skipped", () => {
  const good = { type: DETAIL, actions: ["publish", "subscribe"], topics: [{ match: "a" }], payload: { b: 1 } }
  const read = (...details: unknown[]) => grantsOfDetails({ authorization_details: details }, BASE)
  const topics = [{ type: "exact", value: "a" }]
  assert.deepEqual(read(good, { type: "other" }), {
    ...{ publish: topics, subscribe: topics, payloads: [{ grants: topics, payload: { b: 1 } }] },
  })
  assert.deepEqual(read({ ...good, actions: ["publish"] }), { publish: topics, subscribe: [], payloads: [] })
  const pattern = { match: "https://a.example/:id", match_type: "urlpattern" }
  assert.deepEqual(read({ ...good, topics: [pattern], payload: undefined }).payloads, [])
  assert.deepEqual(grantsOfDetails({}, BASE), { publish: [], subscribe: [], payloads: [] })
  assert.throws(() => grantsOfDetails({ authorization_details: {} }, BASE), /Unauthorized|credential/)
  for (const [detail, why] of [
    [1, "it is not an object with a type"],
    [{ actions: [] }, "it is not an object with a type"],
    [{ ...good, actions: [] }, "actions is not a list of texts"],
    [{ ...good, actions: "publish" }, "actions is not a list of texts"],
    [{ ...good, actions: ["publish", ""] }, "actions is not a list of texts"],
    [{ ...good, topics: [] }, "topics is not a list"],
    [{ ...good, topics: ["a"] }, "a topic is not an object"],
    [{ ...good, topics: [{ match: "" }] }, "a topic has no match"],
    [{ ...good, topics: [{}] }, "a topic has no match"],
    [{ ...good, topics: [{ match: "a", match_type: "glob" }] }, "the match_type of a topic is unknown"],
  ] as const) {
    assert.throws(() => read(good, detail), { reason: `an authorization detail is malformed: ${why}` })
  }
  assert.throws(() => read({ ...good, topics: [{ ...pattern, match: "https://{" }] }), {
    reason: /URL pattern of a topic is invalid/,
  })
})

test("a URL pattern is looked up by the literals with which each of its URLs begins", () => {
  for (const [pattern, prefix] of [
    ["https://a.example/books/:id", ["https://a.example/books/"]],
    ["https://a.example/books/:id/pages/:page", ["https://a.example/books/", "/pages/"]],
    ["https://a.example/:a/:b", ["https://a.example/", "/"]],
    ["https://a.example/:id.json", ["https://a.example/"]],
    ["https://a.example:8080/b*", ["https://a.example:8080/b"]],
    ["https://a.example/*", ["https://a.example"]],
    ["https://a.example/:id?/a", ["https://a.example"]],
    ["https://a.example/x{/:id}*", ["https://a.example/x"]],
    ["https://a.example:*/a", ["https://a.example"]],
    ["https://*.example/a", ["https:"]],
    ["*://a.example/a", [""]],
    ["/rel/:id", ["https://hub.example/rel/"]],
    ["/:a/:b/:c/:d/:e/:f/:g/:h/:i/:j", ["https://hub.example/", "/", "/", "/", "/", "/", "/", "/"]],
  ] as const) {
    assert.deepEqual(compileUrlPattern(pattern, BASE).prefix, prefix, pattern)
  }
})
