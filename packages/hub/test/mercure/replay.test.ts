import assert from "node:assert/strict"
import { test } from "node:test"
import { readEvents } from "../read-events.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { asking, DIALECTS, mercureHub, open, send, type Dialect } from "./mercure-hub.ts"

const HEADER = { 0: "last-event-id", 1: "mercure-last-event-id" }
const QUERY = { 0: "lastEventID", 1: "last_event_id" }

for (const log of ["memory:", undefined]) {
  test(`resuming from a Mercure hub with ${log ?? "SQLite"}`, async (t) => {
    const settings = log === undefined ? {} : { log }
    const hub = await mercureHub(t, {}, settings)
    let count = 0
    const fresh = (): string => `https://example.com/${++count}`
    const publish = async (topic: string, ...data: string[]): Promise<string[]> => {
      const ids: string[] = []
      for (const each of data)
        ids.push(
          (
            await send(hub, 0, [
              ["topic", topic],
              ["data", each],
            ])
          ).text,
        )
      return ids
    }

    await t.test("45: what is replayed, and the header, depend on what was asked", async (t) => {
      for (const dialect of DIALECTS) {
        const topic = fresh()
        const ids = await publish(topic, "1", "2", "3")
        const ask = async (id: string | undefined): Promise<[header: string | null, replayed: string[]]> => {
          const query = id === undefined ? "" : `&${QUERY[dialect]}=${encodeURIComponent(id)}`
          const stream = await open(t, hub, asking(dialect, topic, `${topic}/end`) + query)
          await send(hub, 0, [
            ["topic", `${topic}/end`],
            ["data", "end"],
          ])
          const seen = await stream.until("end")
          stream.close()
          return [stream.response.headers.get(HEADER[dialect]), seen]
        }
        assert.deepEqual(await ask(undefined), [null, []])
        assert.deepEqual(await ask(ids[0]), [ids[0], ["2", "3"]])
        assert.deepEqual(await ask(ids[2]), [ids[2], []])
        assert.deepEqual(await ask("earliest"), ["earliest", ["1", "2", "3"]])
        assert.deepEqual(await ask(""), dialect === 0 ? [null, []] : ["earliest", []])
        const [header, [gap = "", ...rest]] = await ask("urn:uuid:of-another-hub")
        assert.equal(header, "earliest")
        assert.equal((JSON.parse(gap) as { reason: string }).reason, "unknown")
        assert.deepEqual(rest, [])
      }
    })

    await t.test("45: after a position of an earlier log, a gap and all that is kept follow", async (t) => {
      const topic = fresh()
      await publish(topic, "1", "2")
      for (const dialect of DIALECTS) {
        const stream = await open(t, hub, `${asking(dialect, topic)}&${QUERY[dialect]}=aaaaaaaa~11`)
        assert.equal(stream.response.headers.get(HEADER[dialect]), "earliest")
        assert.deepEqual(JSON.parse((await stream.next()).data).reason, "epoch")
        assert.equal((await stream.next()).data, "1")
        stream.close()
      }
    })

    await t.test("46: all spellings of the parameter are read, and the header counts first", async (t) => {
      const topic = fresh()
      const [first = "", second = ""] = await publish(topic, "1", "2", "3")
      for (const dialect of DIALECTS) {
        for (const name of ["lastEventID", "Last-Event-ID", "last_event_id", "lastEventId"]) {
          const query = `${asking(dialect, topic)}&${name}=${first}`
          const stream = await open(t, hub, query)
          assert.equal((await stream.next()).data, "2", name)
          const other = await open(t, hub, query, { "last-event-id": second })
          assert.equal((await other.next()).data, "3", name)
          assert.equal(other.response.headers.get(HEADER[dialect]), second)
        }
        // as Symfony's templates write it
        const both = await open(t, hub, `${asking(dialect, topic)}&lastEventID=${first}&Last-Event-ID=${first}`)
        assert.equal((await both.next()).data, "2")
      }
    })

    await t.test("47: a cursor of the Mercure endpoint is one of Onward's own streams, and back", async (t) => {
      const topic = fresh()
      const [first = ""] = await publish(topic, "1", "2", "3")
      const events = `${hub.url}/events?topic=${encodeURIComponent(topic)}`
      const [native] = await readEvents(events, 1, { "last-event-id": first })
      assert.equal(native?.data, "2")
      const body = new URLSearchParams({ topic, data: "own" })
      const { id } = (await (await fetch(`${hub.url}/publish`, { method: "POST", body })).json()) as { id: string }
      await publish(topic, "4")
      for (const dialect of DIALECTS) {
        const stream = await open(t, hub, asking(dialect, topic), { "last-event-id": id })
        assert.equal(stream.response.headers.get(HEADER[dialect]), id)
        assert.equal((await stream.next()).data, "4")
      }
    })

    await t.test("49: what is published while a client catches up arrives once and in order", async (t) => {
      const busy = await mercureHub(t, {}, settings)
      const topic = fresh()
      const total = 60
      const numbers = Array.from({ length: total }, (_, i) => String(i))
      const publishing = (async () => {
        for (const data of numbers)
          await send(busy, 1, [
            ["topic", topic],
            ["topic", "x"],
            ["data", data],
          ])
      })()
      const streams = await Promise.all(
        numbers
          .slice(0, 10)
          .map((_, i) => open(t, busy, `${asking((i % 2) as Dialect, topic)}&last_event_id=earliest`)),
      )
      await publishing
      for (const stream of streams) assert.deepEqual(await stream.until(String(total - 1)), numbers.slice(0, -1))
    })
  })
}

test("48: of 20,000 updates, the cursor of the newest is found without reading them", async (t) => {
  const hub = await mercureHub(t, {}, { retention: { count: 30_000 } })
  const batch = Array.from({ length: 1_000 }, (_, i) => ({ topic: "https://example.com/n", data: String(i) }))
  for (let i = 0; i < 20; i++) {
    const response = await fetch(`${hub.url}/publish`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(batch),
    })
    assert.equal(response.status, 200)
  }
  const { text: id } = await send(hub, 0, [
    ["topic", "https://example.com/n"],
    ["data", "newest"],
  ])
  await send(hub, 0, [
    ["topic", "https://example.com/n"],
    ["data", "after"],
  ])
  const started = process.cpuUsage().user
  const stream = await open(t, hub, `topic=https://example.com/n&lastEventID=${id}`)
  assert.equal((await stream.next()).data, "after")
  assert.equal(stream.response.headers.get("last-event-id"), id)
  // reading 20,000 entries takes ten times as long
  assert.ok(process.cpuUsage().user - started < 1_000_000)
})

test("50: a client resumes at another process after a restart, in the other dialect", async (t) => {
  const data = `${temporaryFolder(t)}/data`
  const first = await mercureHub(t, {}, { data, log: `sqlite:${data}/events.db` })
  const topic = "https://example.com/a"
  const { text: id } = await send(first, 0, [
    ["topic", topic],
    ["data", "1"],
    ["id", "own"],
  ])
  await send(first, 0, [
    ["topic", topic],
    ["topic", "https://example.com/b"],
    ["data", "2"],
  ])
  await first.close()
  const second = await mercureHub(t, {}, { data, log: `sqlite:${data}/events.db` })
  for (const dialect of DIALECTS) {
    const stream = await open(t, second, asking(dialect, "https://example.com/b", topic), { "last-event-id": id })
    assert.equal(stream.response.headers.get(HEADER[dialect]), "own")
    assert.equal((await stream.next()).data, "2")
  }
})

test("with unknownId replay, a client with an unknown id receives all that is kept", async (t) => {
  const hub = await mercureHub(t, { unknownId: "replay" })
  await send(hub, 0, [
    ["topic", "a"],
    ["data", "1"],
  ])
  const stream = await open(t, hub, "topic=a&lastEventID=urn:uuid:unknown")
  assert.equal(stream.response.headers.get("last-event-id"), "earliest")
  assert.equal((await stream.next()).event, "stream.gap")
  assert.equal((await stream.next()).data, "1")
})
