import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { test, type TestContext } from "node:test"
import type { Hub } from "onward"
import { stream } from "onward/client"
import { createRecorder } from "../src/admin/worker-numbers.ts"
import { createCounting } from "../src/metrics/index.ts"
import { createHistogram, createTally } from "../src/metrics/tallies.ts"
import { AUTH, bearer, PUBLISH_KEY, SECRET, signToken } from "./auth/tokens.ts"
import { publish, testServer, type TestServer } from "./server.ts"
import { temporaryFolder } from "./temporary-folder.ts"
import { startReceiver } from "./webhooks/receiver.ts"

/** The value of each series, by its name and labels. */
async function scrape({ adminUrl }: Pick<TestServer, "adminUrl">, accept?: string): Promise<Map<string, number>> {
  const response = await fetch(`${adminUrl}/metrics`, { headers: { ...(accept !== undefined && { accept }) } })
  assert.equal(response.status, 200)
  return seriesIn(await response.text())
}

function seriesIn(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))]))
}

/** Waits until a series has a value: the hub sees the end of a connection a little later than its client. */
async function until(server: TestServer, series: string, value: number): Promise<Map<string, number>> {
  for (;;) {
    const all = await scrape(server)
    if (all.get(series) === value) return all
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const start = (t: TestContext, more: Parameters<typeof testServer>[1] = {}): Promise<TestServer> =>
  testServer(t, { admin: { port: 0 }, log: "memory:", ...more })

test("a scrape tells what happened: streams, publishes, deliveries, refusals, requests and the log", async (t) => {
  const server = await start(t)
  const { url } = server
  await publish(url, { topic: "news", data: "before", id: "1" })
  const events = stream(`${url}/events?topic=news&last=1`)
  assert.equal((await events.next()).value?.data, "before")
  await publish(url, { topic: "news", data: "é" })
  await publish(url, { topic: "news", data: "again", id: "1" })
  assert.equal((await events.next()).value?.data, "é")
  assert.equal(
    (await fetch(`${url}/publish`, { method: "POST", body: new URLSearchParams({ topic: "" }) })).status,
    400,
  )
  assert.equal((await fetch(`${url}/events?topic=a`, { headers: { origin: "https://evil.example" } })).status, 403)

  const open = await scrape(server)
  assert.equal(open.get('onward_streams{api="events",state="live"}'), 1)
  assert.equal(open.get('onward_streams_opened_total{api="events"}'), 1)
  assert.equal(open.get('onward_resumes_total{outcome="history"}'), 1)
  assert.equal(open.get("onward_replayed_entries_total"), 1)
  assert.equal(open.get('onward_publishes_total{outcome="stored"}'), 2)
  assert.equal(open.get('onward_publishes_total{outcome="repeated"}'), 1)
  assert.equal(open.get('onward_publishes_total{outcome="rejected"}'), 1)
  assert.equal(open.get("onward_published_bytes_total"), "before".length + 2)
  assert.equal(open.get("onward_delivered_entries_total"), 2)
  assert.equal(open.get("onward_delivery_lag_seconds_count"), 1)
  assert.equal(open.get('onward_delivery_lag_seconds_bucket{le="+Inf"}'), 1)
  assert.equal(open.get('onward_connects_refused_total{reason="origin"}'), 1)
  assert.equal(open.get('onward_http_requests_total{route="/publish",method="POST",status="200"}'), 3)
  assert.equal(open.get('onward_http_requests_total{route="/publish",method="POST",status="400"}'), 1)
  assert.equal(open.get('onward_log_operations_total{operation="append",outcome="ok"}'), 3)
  assert.equal(open.get("onward_log_up"), 1)
  assert.equal(open.get("onward_log_entries"), 2)
  assert.equal(open.get("onward_window_entries"), 2)
  assert.deepEqual(
    ["connected", "total"].map((name) => open.get(`mercure_subscribers_${name}`)),
    [1, 1],
  )
  assert.equal(open.get("mercure_updates_total"), 2)
  const sent = open.get("onward_sent_bytes_total") ?? 0
  assert.ok(sent > 0)

  events.close()
  const closed = await until(server, 'onward_streams_closed_total{api="events",reason="client"}', 1)
  assert.equal(closed.get('onward_streams{api="events",state="live"}'), 0)
  assert.equal(closed.get('onward_stream_duration_seconds_count{api="events"}'), 1)
  assert.ok((closed.get("onward_sent_bytes_total") ?? 0) >= sent, "never goes back")
  assert.equal(closed.get("mercure_subscribers_connected"), 0)
  assert.ok((closed.get("process_resident_memory_bytes") ?? 0) > 0)
  assert.ok((closed.get("process_start_time_seconds") ?? 0) > 0)
})

test("no label comes from clients: topics, ids, paths and methods of many requests make no series", async (t) => {
  const server = await start(t, { log: "memory:", metrics: { topics: ["room/*", "news"] } })
  const visit = async (i: number): Promise<void> => {
    await publish(server.url, { topic: `room/${i}`, data: "a", id: `secret ${i}` })
    await fetch(`${server.url}/no/such/path/${i}`)
    const events = stream(`${server.url}/events?topic=room/${i}&last=1`)
    await events.next()
    events.close()
  }
  await visit(0)
  const before = await until(server, 'onward_streams_closed_total{api="events",reason="client"}', 1)
  for (let i = 1; i < 20; i++) await visit(i)
  const all = await scrape(server)
  const isNew = (series: string): boolean => !before.has(series) && !series.startsWith("nodejs_")
  assert.deepEqual([...all.keys()].filter(isNew), [])
  assert.ok([...all.keys()].every((series) => !/room\/\d|secret|such/.test(series)))
  assert.equal(all.get('onward_topic_publishes_total{pattern="room/*"}'), 20)
  assert.equal(all.get('onward_topic_publishes_total{pattern="news"}'), 0)
})

test("there are no metrics on the public port, and without an admin port nothing is measured", async (t) => {
  const server = await start(t)
  assert.equal((await fetch(`${server.url}/metrics`)).status, 404)
  const head = await fetch(`${server.adminUrl}/metrics`, { method: "HEAD" })
  assert.equal(head.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8")
  assert.equal((await fetch(`${server.adminUrl}/metrics`, { method: "POST" })).status, 405)
})

test("OpenMetrics is sent to clients that ask for it", async (t) => {
  const server = await start(t)
  const accept = "application/openmetrics-text; version=1.0.0,text/plain;q=0.5"
  const response = await fetch(`${server.adminUrl}/metrics`, { headers: { accept } })
  assert.match(response.headers.get("content-type") ?? "", /^application\/openmetrics-text; version=1\.0\.0/)
  const text = await response.text()
  assert.match(text, /# TYPE onward_delivered_entries counter\nonward_delivered_entries_total 0\n/)
  assert.ok(text.endsWith("# EOF\n"))
})

/** A hub with everything that has metrics, which was used. */
async function used(t: TestContext): Promise<TestServer> {
  const receiver = await startReceiver(t)
  const asked = createServer((_, res) => res.end(JSON.stringify({ subscribe: ["news"] }))).listen(0, "127.0.0.1")
  await once(asked, "listening")
  t.after(() => asked.close())
  const events = ["topic.occupied", "stream.opened"]
  const server = await start(t, {
    log: "sqlite:" + join(temporaryFolder(t), "events.db"),
    metrics: { topics: ["news"] },
    presence: ["room/*"],
    mercure: { publisher: { key: SECRET }, subscriber: { key: SECRET }, anonymous: true, subscriptions: true },
    webhooks: [
      { name: "app", url: receiver.url, topics: ["room/*"], events, secret: SECRET, privateNetworks: ["127.0.0.1"] },
    ],
    auth: {
      ...AUTH,
      anonymous: { subscribe: ["*"] },
      forward: { url: `http://127.0.0.1:${(asked.address() as AddressInfo).port}` },
    },
  })
  const { url } = server
  await publish(url, { topic: "news", data: "1" }, bearer(PUBLISH_KEY))
  const streams = ["/events?topic=news&last=1", "/events?topic=room/1", "/presence/events?topic=room/1"].map((path) =>
    stream(url + path),
  )
  const mercure = stream(`${url}/.well-known/mercure?topic=news`)
  t.after(() => [...streams, mercure].forEach((each) => each.close()))
  void mercure.next()
  const [news, room, presence] = streams.map((each) => each.next())
  await Promise.all([news, presence])
  room?.catch(() => {})
  const statusOf = async (headers: Record<string, string>, topic = "news"): Promise<number> => {
    const body = new URLSearchParams({ topic, data: "1" })
    return (await fetch(`${url}/publish`, { method: "POST", headers, body })).status
  }
  assert.equal(await statusOf(bearer("ok_not-a-key-of-more-than-thirty-two-characters")), 401)
  assert.equal(await statusOf(bearer(await signToken({ exp: 1 }))), 401)
  assert.equal(await statusOf(bearer(await signToken({}, "another secret of more than thirty-two bytes"))), 401)
  assert.equal(await statusOf(bearer(await signToken())), 403)
  assert.equal(await statusOf({ cookie: "session=1", origin: url }), 403)
  const ofMercure = await fetch(`${url}/.well-known/mercure`, { method: "POST", body: new URLSearchParams() })
  assert.equal(ofMercure.status, 401)
  await until(server, 'onward_streams{api="mercure0",state="live"}', 1)
  return server
}

test("credentials, streams of other APIs, subscriptions and webhooks are counted", async (t) => {
  const server = await used(t)
  const delivered = 'onward_webhook_deliveries_total{webhook="app",outcome="delivered"}'
  let all = await scrape(server)
  while (!all.get(delivered)) all = await scrape(server)
  assert.equal(all.get('onward_webhook_deliveries_total{webhook="app",outcome="dropped"}'), 0)
  const auth = [...all].flatMap(([series, value]) => {
    const [, method, outcome] = /^onward_auth_total\{method="(\w+)",outcome="(\w+)"\}/.exec(series) ?? []
    return method === undefined ? [] : [`${method} ${outcome} ${value}`]
  })
  assert.deepEqual(auth.sort(), [
    "anonymous ok 3",
    "forward no_grant 1",
    "forward ok 1",
    "jwt bad_signature 1",
    "jwt expired 1",
    "jwt no_grant 1",
    "jwt ok 1",
    "key ok 1",
    "key unknown_key 1",
    "mercure0 no_credential 1",
  ])
  assert.equal(all.get('onward_forward_auth_duration_seconds_count{outcome="ok"}'), 1)
  assert.equal(all.get('onward_streams{api="presence",state="live"}'), 1)
  assert.equal(all.get('onward_streams{api="mercure0",state="live"}'), 1)
  assert.equal(all.get('onward_streams{api="runs",state="live"}'), 0)
  assert.equal(all.get('onward_presence_subscribers{api="events"}'), 1)
  assert.equal(all.get('onward_presence_subscribers{api="mercure"}'), 1)
  assert.equal(all.get('onward_subscription_events_total{event="active"}'), 1)
  assert.equal(all.get("onward_log_tail_lag_seconds"), 0)
  assert.ok((all.get("onward_log_bytes") ?? 0) > 0)
})

const promtool = spawnSync("promtool", ["--version"]).error === undefined

test("Prometheus's own checker accepts the metrics", { skip: !promtool && "promtool is missing" }, async (t) => {
  const server = await used(t)
  const text = await (await fetch(`${server.adminUrl}/metrics`)).text()
  const checked = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" })
  // the names of the reference hub of Mercure and of Node are not ours
  const complaints = `${checked.stdout}${checked.stderr}`
    .split("\n")
    .filter((line) => line !== "" && !/^(mercure|nodejs|process)_/.test(line))
  assert.deepEqual(complaints, [])

  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name)
  const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8")
  const docs = read("docs/metrics.md")
  const named = (text: string): string[] => [
    ...new Set(text.match(/\b(?:onward|mercure)_[a-z_]+/g)?.map((name) => name.replace(/_bucket$/, ""))),
  ]
  const missing = (text: string): string[] => named(text).filter((name) => !names.includes(name))
  assert.deepEqual(missing(docs), [], "the docs name metrics that exist")
  const grafana = read("packages/hub/deploy/grafana.json")
  assert.deepEqual(missing(grafana.replaceAll("onward_hub", "")), [], "and so does the Grafana dashboard")
  const own = names.filter((name) => /^(?:onward|mercure)_/.test(name ?? ""))
  assert.deepEqual(
    own.filter((name) => !named(docs).includes(name ?? "")),
    [],
    "the docs name all",
  )
})

test("the dashboard reads what metrics count, and remembers the lag of deliveries", () => {
  const counting = createCounting()
  const recorder = createRecorder(counting, () => 10_000)
  const seen = { type: "delivered", entries: 3, writes: 3, bytes: 30, lag: 8 } as const
  counting.observe(seen)
  recorder.observe(seen)
  counting.requests.refuse("too_many_connections")
  const stats = { live: 1, reading: 0, full: 0, bytes: 50 }
  const hub = { stats: () => stats } as unknown as Hub
  recorder.addPoint(hub)
  recorder.addPoint(hub)
  const [first, second] = recorder.history()
  assert.deepEqual([first?.delivered, first?.sentBytes, first?.refused, first?.lag.length], [3, 50, 1, 13])
  assert.deepEqual([second?.delivered, second?.sentBytes, second?.refused, second?.lag], [0, 0, 0, []])
  const { counts, refused } = recorder.numbers(hub)
  assert.deepEqual([counts.delivered, counts.refused, refused], [3, 1, { too_many_connections: 1 }])
})

test("a metric has a bounded number of series", () => {
  const tally = createTally({ name: "a_total", help: "a", labels: ["x", "y"] })
  for (let i = 0; i < 2_000; i++) tally.add([String(i), "y"])
  const { values } = tally.family()
  assert.equal(values.length, 501)
  assert.deepEqual(values.at(-1), { labels: { x: "other", y: "other" }, value: 1_500 })
})

test("a histogram counts each value in the bucket whose bound it does not exceed", () => {
  const histogram = createHistogram({ name: "a_seconds", help: "a" }, [0.1, 1])
  for (const value of [0, 0.1, 0.2, 1, 5]) histogram.add([], value)
  histogram.add([], 2, 10)
  assert.deepEqual(
    histogram.family().values.map(({ metricName, labels, value }) => [metricName, labels["le"], value]),
    [
      ["onward_a_seconds_bucket", 0.1, 2],
      ["onward_a_seconds_bucket", 1, 4],
      ["onward_a_seconds_bucket", "+Inf", 15],
      ["onward_a_seconds_sum", undefined, 26.3],
      ["onward_a_seconds_count", undefined, 15],
    ],
  )
})

test("too many patterns are refused", () => {
  assert.throws(
    () => createCounting({ topics: Array.from({ length: 101 }, (_, i) => `${i}/*`) }),
    /metrics\.topics has 101/,
  )
})

test("tokens of runs are counted as providers report them", () => {
  const counting = createCounting()
  const metrics = { ttft: 200, duration: 1_000, tokens: 30, counted: "usage", rate: 1, gaps: undefined } as const
  const run = { id: "1", type: "end", status: "completed" } as const
  const sizes = { viewers: 1, resumes: 0, raw: 0, merged: 0 }
  counting.runs.run("/chat/completions", {
    ...run,
    metrics: { ...metrics, ...sizes },
    usage: { input: 12, output: 30 },
  })
  counting.runs.run("/chat/completions", {
    ...run,
    metrics: { ...metrics, ...sizes, counted: "frames" },
    usage: undefined,
  })
  const { values = [] } = counting.families().find(({ name }) => name === "onward_runs_tokens_total") ?? {}
  assert.deepEqual(
    values.map(({ labels, value }) => [labels["type"], labels["counted"], value]),
    [
      ["input", "usage", 12],
      ["output", "usage", 30],
      ["output", "frames", 30],
    ],
  )
})
