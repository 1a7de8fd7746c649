import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { stream, type StreamOptions } from "../../src/client/node.ts"
import { utf8 } from "./fault-request.ts"
import { play, type ScriptAttempt } from "./script.ts"
import { TRANSPORTS } from "./transports.ts"
import { createStage, take } from "./watch.ts"

const head = { status: 200, headers: { "content-type": "text/event-stream" } }
const refused = (status: number): ScriptAttempt => ({ status, body: [{ do: "END" }] })
const cutBefore: ScriptAttempt = { ...head, body: [{ wait: 1 }, { do: "RESET" }] }
const cutWithout: ScriptAttempt = { ...head, body: ["data: a\n\n", { wait: 1 }, { do: "RESET" }] }
const cutWithId: ScriptAttempt = { ...head, body: ["id: 1\ndata: a\n\n", { wait: 1 }, { do: "RESET" }] }
const ended: ScriptAttempt = { ...head, body: ["data: a\n\n", { do: "END" }] }
const end: ScriptAttempt = { ...head, body: ["data: z\n\nevent: stream.end\ndata:\n\n"] }

for (const [transport, fetch] of Object.entries(TRANSPORTS)) {
  const run = async (t: TestContext, attempts: readonly ScriptAttempt[], options: StreamOptions) => {
    const stage = await createStage(t, play(attempts))
    const { server, clock } = stage
    const given = take(stream(server.url, { clock, fetch, ...options }))
    await clock.pass(60_000)
    return { ...given, requests: server.requests }
  }

  const cases: [string, readonly ScriptAttempt[], StreamOptions, readonly string[], string][] = [
    ["a POST that was cut is not made again without an id", [cutWithout, end], { body: "x" }, ["a"], "not_repeatable"],
    ["nor one that was cut before its first event", [cutBefore, end], { body: "x" }, [], "not_repeatable"],
    ["a POST that was cut carries on by its id", [cutWithId, end], { body: "x" }, ["a", "z"], "end"],
    ["a POST that just ended is over", [ended, end], { body: "x" }, ["a"], "end"],
    ...[408, 425, 429, 503].map((status): (typeof cases)[0] => [
      `a POST that was refused with ${status} is made again`,
      [refused(status), end],
      { body: "x" },
      ["z"],
      "end",
    ]),
    ...[500, 502, 504].map((status): (typeof cases)[0] => [
      `a POST that may have been heard before ${status} is not`,
      [refused(status), end],
      { body: "x" },
      [],
      "not_repeatable",
    ]),
    [
      "a POST may always be made again where that is said",
      [cutWithout, end],
      { body: "x", repeat: "always" },
      ["a", "z"],
      "end",
    ],
    ["a GET is made again", [cutWithout, refused(500), end], {}, ["a", "z"], "end"],
    ["a GET that is not to be is not", [cutWithId, end], { repeat: "never" }, ["a"], "not_repeatable"],
    ["a GET that just ended and is not to be made again is over", [ended, end], { repeat: "never" }, ["a"], "end"],
    [
      "a QUERY is safe, so it is made again with its body",
      [cutWithout, refused(500), end],
      { method: "query", body: "x" },
      ["a", "z"],
      "end",
    ],
    ["a PUT is no GET", [cutWithout, end], { method: "PUT", body: "x" }, ["a"], "not_repeatable"],
    ["reconnectOnEnd: false, a body that ends is the end", [ended, end], { reconnectOnEnd: false }, ["a"], "end"],
    [
      "reconnectOnEnd: false, a body that is cut is not",
      [cutWithout, end],
      { reconnectOnEnd: false },
      ["a", "z"],
      "end",
    ],
  ]
  for (const [name, attempts, options, data, ending] of cases) {
    test(`${name}, over ${transport}`, async (t) => {
      const outcome = await run(t, attempts, options)
      assert.deepEqual([outcome.data, outcome.ending], [data, ending])
    })
  }

  test(`each attempt sends the whole body, of any type, over ${transport}`, async (t) => {
    const form = new FormData()
    form.set("a", "é")
    const bodies: [StreamOptions["body"], string, RegExp][] = [
      ["text é", "text é", /^text\/plain;charset=UTF-8$/],
      [{ a: [1, "é"] }, '{"a":[1,"é"]}', /^application\/json$/],
      [[1, 2], "[1,2]", /^application\/json$/],
      [new URLSearchParams({ a: "é" }), "a=%C3%A9", /^application\/x-www-form-urlencoded/],
      [new Blob(["b"], { type: "x/y" }), "b", /^x\/y$/],
      [Buffer.from("bytes"), "bytes", /^$/],
      [form, 'name="a"', /^multipart\/form-data; boundary=/],
      [({ number }) => `attempt ${number}`, "attempt ", /^text\/plain;charset=UTF-8$/],
    ]
    for (const [body, text, type] of bodies) {
      const { requests, data } = await run(t, [cutWithId, refused(503), end], { ...(body !== undefined && { body }) })
      assert.deepEqual(data, ["a", "z"])
      assert.equal(requests.length, 3)
      for (const [i, request] of requests.entries()) {
        assert.equal(request.method, "POST")
        assert.ok(
          request.body.toString().includes(typeof body === "function" ? text + i : text),
          `${text}: ${request.body}`,
        )
        assert.match(request.headers["content-type"] ?? "", type)
      }
    }
  })

  test(`after a 401, headers are requested once more, at once, over ${transport}`, async (t) => {
    const asked: [number, number | undefined][] = []
    const headers: StreamOptions["headers"] = ({ number, error }) => {
      asked.push([number, error?.status])
      return Promise.resolve({ authorization: `t${number}` })
    }
    const renewed = await run(t, [refused(401), cutWithId, refused(401), end], { headers })
    assert.deepEqual([renewed.data, renewed.ending], [["a", "z"], "end"])
    assert.deepEqual(
      renewed.requests.map((request) => request.headers["authorization"]),
      ["t0", "t1", "t2", "t3"],
    )
    assert.equal((renewed.requests[1]?.at ?? 0) - (renewed.requests[0]?.at ?? 0), 0)
    assert.deepEqual(asked, [
      [0, undefined],
      [1, 401],
      [2, 0],
      [3, 401],
    ])
    const denied = await run(t, [refused(401)], { headers })
    assert.deepEqual([denied.ending, denied.status, denied.requests.length], ["bad_status", 401, 2])
    const fixed = await run(t, [refused(401)], { headers: { authorization: "t" } })
    assert.deepEqual([fixed.ending, fixed.requests.length], ["bad_status", 1])
  })

  test(`headers that are unavailable now are requested again later, over ${transport}`, async (t) => {
    const headers = ({ number }: { number: number }): Promise<HeadersInit> =>
      number < 2 ? Promise.reject(new Error("no token")) : Promise.resolve({ authorization: "t" })
    const { data, requests } = await run(t, [end], { headers })
    assert.deepEqual([data, requests.length], [["z"], 1])
  })

  const ODD_IDS = ["a\u0001b", "\u007f", "\t", "\ta", "a\t", "  a", "a ", "é".repeat(200_000), "x".repeat(3_000_000)]

  test(`after an id that no header can carry, a stream resumes after the last one that can, over ${transport}`, async (t) => {
    for (const id of ODD_IDS) {
      const body = [`id: good\ndata: a\n\nid: ${id}\ndata: b\n\n`, { do: "END" } as const]
      const { data, ids, ending, requests } = await run(t, [{ ...head, body }, end], { retry: { attempts: 5 } })
      assert.deepEqual([data, ending], [["a", "b", "z"], "end"])
      assert.equal(ids[1], id)
      assert.deepEqual(
        requests.map(({ headers }) => headers["last-event-id"]),
        [undefined, "good"],
      )
      assert.ok(requests.every(({ path }) => !path.includes("?")))
    }
  })

  test(`without any other id it is sent in the query, or not at all if it is too long, over ${transport}`, async (t) => {
    for (const id of ODD_IDS) {
      const body = [`id:${id}\ndata: b\n\n`, { do: "END" } as const]
      const { data, ids, ending, requests } = await run(t, [{ ...head, body }, end], { retry: { attempts: 5 } })
      assert.deepEqual([data, ending], [["b", "z"], "end"])
      const asked = new URL(requests[1]?.path ?? "", "http://a").searchParams.get("last_event_id")
      assert.equal(asked, id.length > 4_096 ? null : ids[0])
      assert.equal(requests[1]?.headers["last-event-id"], undefined)
    }
  })

  test(`a POST is not resumed with an id that cannot be sent, over ${transport}`, async (t) => {
    const body = [`id: ${"x".repeat(3_000_000)}\ndata: a\n\n`, { wait: 1 }, { do: "RESET" } as const]
    const { ending, requests } = await run(t, [{ ...head, body }, end], { body: "x" })
    assert.deepEqual([ending, requests.length], ["not_repeatable", 1])
  })

  test(`an id of 4,000 bytes of any kind is sent unchanged, over ${transport}`, async (t) => {
    const id = "é火".repeat(800)
    const { data, requests } = await run(t, [{ ...head, body: [`id: ${id}\ndata: a\n\n`, { do: "END" }] }, end], {})
    assert.deepEqual([data, utf8(requests[1]?.headers["last-event-id"])], [["a", "z"], id])
  })

  test(`a stream that the server ends has ended, or has an error with a code, over ${transport}`, async (t) => {
    const events = (text: string): ScriptAttempt[] => [{ ...head, body: [text] }]
    for (const [text, options, data, ending] of [
      ["data: a\n\nevent: stream.end\ndata:\n\ndata: no\n\n", {}, ["a"], "end"],
      ["data: a\n\ndata: [DONE]\n\ndata: no\n\n", { until: "[DONE]" }, ["a"], "end"],
      ["data: a\n\ndata: last\n\ndata: no\n\n", { until: ({ data: it }) => it === "last" }, ["a", "last"], "end"],
      ["data: a\n\nevent: stream.error\ndata: x\n\n", { retry: false }, ["a"], "source_failed"],
      ["data: a\n\nevent: stream.gap\ndata: {\n\n", { onGap: () => {} }, ["a"], "validation_failed"],
    ] as [string, StreamOptions, string[], string][]) {
      const outcome = await run(t, events(text), options)
      assert.deepEqual([outcome.data, outcome.ending, outcome.requests.length], [data, ending, 1], text)
    }
  })
}
