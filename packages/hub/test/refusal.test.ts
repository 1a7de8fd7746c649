import assert from "node:assert/strict"
import { test } from "node:test"
import { adviseOperator, type HubLimits } from "../src/limits.ts"
import { testServer, type TestServer } from "./server.ts"

const STREAM = { accept: "text/event-stream" }

/** What the operator is told, as the command prints it. */
const toldBy = ({ errors }: TestServer): string[] =>
  errors.map((error) => {
    const { code, message } = error as { readonly code: string; readonly message: string }
    return adviseOperator(code, message)
  })

/** Opens a stream that stays until the test ends. */
async function hold(t: { after(undo: () => void): void }, url: string): Promise<void> {
  const leaving = new AbortController()
  t.after(() => leaving.abort())
  const { status } = await fetch(url, { signal: leaving.signal })
  assert.equal(status, 200)
}

for (const path of ["/events?topic=a", "/presence/events?topic=a"]) {
  test(`a refused EventSource at ${path} gets an empty stream with a reconnection time`, async (t) => {
    const server = await testServer(t, { presence: ["*"], limits: { streamsPerAddress: 1, presenceStreams: 1 } })
    const url = server.url + path
    await hold(t, url)
    const soft = await fetch(url, { headers: STREAM })
    assert.equal(soft.status, 200)
    assert.equal(soft.headers.get("content-type"), "text/event-stream; charset=utf-8")
    const text = await soft.text()
    const [, retry] =
      /^: refused: too_many_connections_for_key\nevent: stream\.checkpoint\nretry: (\d+)\ndata: \{\}\n\n$/.exec(text) ??
      assert.fail(text)
    assert.ok(Number(retry) >= 5_000 && Number(retry) <= 30_000, text)
    assert.equal(toldBy(server).length, 1, "the operator is told")

    for (const init of [{}, { method: "HEAD", headers: STREAM }, { headers: { accept: "*/*" } }]) {
      const hard = await fetch(url, init)
      assert.equal(hard.status, 429)
      assert.match(hard.headers.get("retry-after") ?? "", /^\d+$/)
      await hard.body?.cancel()
    }
  })
}

test("with --refuse status an EventSource gets the status too", async (t) => {
  const { url } = await testServer(t, { refuse: "status", limits: { streamsPerAddress: 1 } })
  await hold(t, `${url}/events?topic=a`)
  const hard = await fetch(`${url}/events?topic=a`, { headers: STREAM })
  assert.equal(hard.status, 429)
  assert.equal(((await hard.json()) as { error: { code: string } }).error.code, "too_many_connections_for_key")
})

test("a permanent refusal has a status, and a refusal of a publish always has one", async (t) => {
  const { url } = await testServer(t, { publishRate: 1 })
  for (const path of ["/events", "/events?topic=", "/events?topic=a&last=x", "/nothing"]) {
    const { status } = await fetch(url + path, { headers: STREAM })
    assert.ok(status === 400 || status === 404, `${path} ${status}`)
  }
  const publish = async (): Promise<number> =>
    (await fetch(`${url}/publish`, { method: "POST", headers: STREAM, body: new URLSearchParams({ topic: "a" }) }))
      .status
  const statuses = await Promise.all(Array.from({ length: 10 }, publish))
  assert.ok(statuses.includes(429), statuses.join())
})

const limited: [limits: Partial<HubLimits>, paths: readonly string[], status: number, told: RegExp][] = [
  [{ streams: 1 }, ["/events?topic=a", "/events?topic=b"], 503, /\(--max-streams = 1\)/],
  [{ streamsPerAddress: 1 }, ["/events?topic=a", "/events?topic=b"], 429, /\(--max-streams-per-address = 1\)/],
  [{ topics: 2 }, ["/events?topic=a&topic=b&topic=c"], 400, /Raise --max-topics to allow more\.$/],
  [{ patterns: 1 }, ["/events?topic=a/*", "/events?topic=a/b*"], 503, /\(--max-patterns = 1\)/],
  [{ patternBytes: 2_000 }, ["/events?topic=a/*", "/events?topic=b/*"], 503, /\(--max-pattern-memory = 2000\)/],
  [{ patternsPerAddress: 1 }, ["/events?topic=a/*", "/events?topic=b/*"], 429, /\(--max-patterns-per-address = 1\)/],
  [{ presenceStreams: 1 }, ["/presence/events?topic=a", "/presence/events?topic=b"], 429, /--max-presence-streams/],
]

for (const [limits, paths, status, told] of limited) {
  test(`${JSON.stringify(limits)} is enforced, and its refusal names the option to the operator`, async (t) => {
    const server = await testServer(t, { presence: ["*"], limits })
    for (const path of paths.slice(0, -1)) await hold(t, server.url + path)
    const refused = await fetch(server.url + paths.at(-1))
    assert.equal(refused.status, status)
    await refused.body?.cancel()
    assert.match(toldBy(server).join(), told)
  })
}

test("a body beyond --max-body is refused, and its refusal names the option", async (t) => {
  const server = await testServer(t, { limits: { bodyBytes: 1_024 } })
  const body = new URLSearchParams({ topic: "a", data: "x".repeat(2_000) })
  assert.equal((await fetch(`${server.url}/publish`, { method: "POST", body })).status, 413)
  assert.match(toldBy(server).join(), /larger than 1024 bytes\. .* raise --max-body\.$/)
})

test("a request's head can have --max-head bytes", async (t) => {
  const topics = (count: number): string =>
    Array.from({ length: count }, (_, at) => `topic=${String(at).padStart(50, "x")}`).join("&")
  const { url } = await testServer(t, { limits: { topics: 1_000 } })
  await hold(t, `${url}/events?${topics(1_000)}`)
  const small = await testServer(t, { limits: { topics: 1_000, headBytes: 8_192 } })
  assert.equal((await fetch(`${small.url}/events?${topics(1_000)}`)).status, 431)
  assert.match(toldBy(small).join(), /received 431\. Raise --max-head to allow more\.$/)
})

test("a refused name or origin tells the operator about --public-url, and the client nothing", async (t) => {
  const server = await testServer(t)
  const headers = { origin: "https://events.example.com" }
  const refused = await fetch(`${server.url}/publish`, {
    method: "POST",
    headers,
    body: new URLSearchParams({ topic: "a" }),
  })
  assert.equal(refused.status, 403)
  assert.ok(!(await refused.text()).includes("--"))
  assert.match(toldBy(server).join(), /add it as a --public-url; .*--cors-origin\.$/)
})
