import assert from "node:assert/strict"
import { test } from "node:test"
import { idFromHeader } from "../../src/event-id.ts"
import type { StreamRequest } from "../../src/server/request.ts"
import { startPointOf } from "../../src/server/start-point.ts"

const NOW = 1_700_000_000_000

const asking = (url: string, headers: Readonly<Record<string, string>> = {}): StreamRequest => ({
  method: "GET",
  url,
  header: (name) => headers[name],
  onLeave: () => () => {},
})

test("a header's bytes are decoded as UTF-8, and kept if they are not UTF-8", () => {
  for (const text of ["plain", "größe", "東京 🦊", "\u{feff}a", ""]) {
    assert.equal(idFromHeader(Buffer.from(text).toString("latin1")), text)
  }
  for (const text of ["\u00ff\u00fe", "gr\u00f6\u00dfe", "\u00c3", "\u00e2\u0082", "\u00c0\u0080"])
    assert.equal(idFromHeader(text), text)
  assert.equal(idFromHeader("東京"), "東京", "what a runtime decoded already")
})

const starts: readonly (readonly [url: string, start: unknown, headers?: Readonly<Record<string, string>>])[] = [
  ["/", undefined],
  ["/?", undefined],
  ["/?topic=a", undefined],
  ["/?last_event_id=7", { after: "7" }],
  ["/?lastEventId=7", { after: "7" }],
  ["/?last_event_id=7&lastEventId=8", { after: "7" }],
  ["/?last_event_id=gr%C3%B6%C3%9Fe%20%F0%9F%A6%8A", { after: "größe 🦊" }],
  ["/?last_event_id=a+b", { after: "a b" }],
  ["/?last_event_id=%FF", { after: "\ufffd" }],
  ["/?last_event_id=%", { after: "%" }],
  ["/?last_event_id=earliest", "earliest"],
  ["/?last_event_id=", undefined],
  ["/?last_event_id=&since=5", { since: 5 }],
  ["/?last_event_id=7&since=5&last=3", { after: "7" }],
  ["http://localhost:80/a?b=c&last=20", { last: 20 }],
  ["/?last=0", { last: 0 }],
  ["/?latest", "latest"],
  ["/?latest=1&last=3", "latest"],
  ["/?latest=true", "latest"],
  ["/?since=5&latest=1", { since: 5 }],
  ["/?since=250ms", { since: NOW - 250 }],
  ["/?since=30s", { since: NOW - 30_000 }],
  ["/?since=10m", { since: NOW - 600_000 }],
  ["/?since=2h", { since: NOW - 7_200_000 }],
  ["/?since=1d", { since: NOW - 86_400_000 }],
  ["/?since=1699999999999", { since: 1_699_999_999_999 }],
  ["/?since=2023-11-14T22:13:20Z", { since: NOW }],
  ["/?since=2023-11-14T23:13:20%2B01:00", { since: NOW }],
  ["/?since=2023-11-14", { since: Date.UTC(2023, 10, 14) }],
  ["/", { after: "7" }, { "last-event-id": "7" }],
  ["/?last_event_id=8&last=2", { after: "7" }, { "last-event-id": "7" }],
  ["/", "earliest", { "last-event-id": "earliest" }],
  ["/?last=2", { last: 2 }, { "last-event-id": "" }],
  ["/", { after: "stream.end" }, { "last-event-id": "stream.end" }],
]

test("a request's start point is in its header, or in id, since or last of its query", () => {
  for (const [url, start, headers] of starts) {
    assert.deepEqual(startPointOf(asking(url, headers), NOW), start, `${url} ${JSON.stringify(headers)}`)
  }
})

test("an invalid start point is refused, with the valid forms", () => {
  for (const latest of ["0", "false", "yes"]) {
    assert.throws(() => startPointOf(asking(`/?latest=${latest}`), NOW), { code: "invalid_start", message: /latest=1/ })
  }
  for (const last of ["", "-1", "1.5", "1e3", "0x10", " 1", "many", "9999999999", "NaN"]) {
    const url = `/?last=${encodeURIComponent(last)}`
    assert.throws(() => startPointOf(asking(url), NOW), { code: "invalid_start", message: /last/ }, url)
  }
  const sinces = ["", "m", "10 m", "10y", "-10m", "1.5h", "yesterday", "2023-11", "2023-99-99", "NaN", "9".repeat(16)]
  for (const since of sinces) {
    const url = `/?since=${encodeURIComponent(since)}`
    assert.throws(() => startPointOf(asking(url), NOW), { code: "invalid_start", message: /since/ }, url)
  }
})
