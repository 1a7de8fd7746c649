import assert from "node:assert/strict"
import { once } from "node:events"
import { text } from "node:stream/consumers"
import { test } from "node:test"
import { inSameEpoch, type Appended } from "../../src/log/index.ts"
import { natsMissing, startNats, startNatsCluster } from "../stores/nats.ts"
import { dataOf, entriesOf, insist, openLog } from "./nats-stage.ts"
import { start as startProgram } from "./program.ts"

const skip = natsMissing ?? false

test(
  "several processes append to one stream, each call's entries together, and a shared key is stored once",
  { skip },
  async (t) => {
    const server = await startNats()
    t.after(() => server.close())
    const programs = ["one", "two", "three"].map((name) => startProgram("append-to-nats", server.address, name, "40"))
    const [outputs, exits] = await Promise.all([
      Promise.all(programs.map((program) => text(program.stdout))),
      Promise.all(programs.map((program) => once(program, "exit"))),
    ])
    for (const [code] of exits) assert.equal(code, 0)
    const log = await openLog(t, server.address)
    const seen = await entriesOf(log)
    const calls = outputs.flatMap((output) => JSON.parse(output) as (Appended & { data: string[] })[])
    const shared = seen.filter(({ topic }) => topic === "shared")
    assert.equal(shared.length, 40)
    assert.equal(seen.length, calls.flatMap(({ data }) => data).length + shared.length)
    const placeOf = new Map(seen.map(({ position }, place) => [position, place]))
    for (const { data, positions, previous, time } of calls) {
      const place = placeOf.get(positions[0] ?? "") ?? Number.NaN
      const entries = seen.slice(place, place + data.length)
      assert.deepEqual(
        entries.map((entry) => [entry.data, entry.time]),
        data.map((each) => [each, time]),
      )
      assert.equal(previous, seen[place - 1]?.position ?? (await log.bounds()).first)
      assert.ok(shared.some(({ position }) => position === positions.at(-1)))
    }
  },
)

test(
  "in a cluster of three no acknowledged message is lost, repeated or reordered when the leader is killed",
  { skip },
  async (t) => {
    const cluster = await startNatsCluster()
    t.after(() => cluster.close())
    const logs = [
      await openLog(t, cluster.addresses, { replicas: 3 }),
      await openLog(t, cluster.addresses, { replicas: 3 }),
    ] as const
    const { first: start } = await logs[0].bounds()
    const acknowledged: string[] = []
    const over = new AbortController()
    const publish = async (lane: number): Promise<void> => {
      for (let i = 0; !over.signal.aborted; i++) {
        const data = `${lane}/${i}`
        const log = logs[lane % 2] as (typeof logs)[0]
        await insist(() => log.append([{ topic: `t${lane}`, data, idempotencyKey: data }]))
        acknowledged.push(data)
        await new Promise((resolve) => void setTimeout(resolve, 5))
      }
    }
    const publishing = Promise.all([0, 1, 2, 3].map(publish))
    /** Waits for so many more to be acknowledged. */
    const more = async (count: number): Promise<void> => {
      const wanted = acknowledged.length + count
      for (;;) {
        if (acknowledged.length >= wanted) return
        await Promise.race([publishing, new Promise((resolve) => void setTimeout(resolve, 20))])
      }
    }
    await more(100)
    const killed = await cluster.killLeader("ONWARD")
    await more(100)
    await killed.restart()
    await more(50)
    over.abort()
    await publishing
    const late = await openLog(t, cluster.addresses)
    const seen = await insist(() => dataOf(late))
    assert.deepEqual(seen.toSorted(), acknowledged.toSorted())
    for (const lane of [0, 1, 2, 3]) {
      const numbers = seen.filter((data) => data.startsWith(`${lane}/`)).map((data) => Number(data.slice(2)))
      assert.deepEqual(numbers, [...numbers.keys()])
    }
    for (const log of logs) assert.deepEqual(await entriesOf(log), await entriesOf(late))
    assert.ok(inSameEpoch(start, (await late.bounds()).last), "a new leader is no new life of the log")
  },
)
