import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { EventSource, stream, type StreamOptions } from "../../src/client/node.ts"
import type { FaultExchange } from "./fault-exchange.ts"
import { TRANSPORTS } from "./transports.ts"
import { createStage, take, watch } from "./watch.ts"

/** Starts a stream with an event, then does as it is told, time after time. */
const every =
  (ms: number, write: string) =>
  async (exchange: FaultExchange): Promise<void> => {
    await exchange.open()
    await exchange.write(`retry: 0\nid: ${exchange.index}\ndata: ${exchange.index}\n\n`)
    while (!exchange.isOver) {
      await exchange.wait(ms)
      await exchange.write(write)
    }
  }

/** A server that says nothing for as long as anyone listens. */
const silent = every(1e9, "")

for (const [transport, fetch] of Object.entries(TRANSPORTS)) {
  /** What a stream was told of its failures, by when: seconds since it began. */
  const failuresOf = async (
    t: TestContext,
    answer: (exchange: FaultExchange) => void | Promise<void>,
    options: StreamOptions,
    ms: number,
  ) => {
    const stage = await createStage(t, answer)
    const { server, clock } = stage
    const start = clock.now()
    const failures: [string, number][] = []
    const onStatus: StreamOptions["onStatus"] = (status) => {
      if (status.state === "reconnecting") failures.push([status.error.code, (clock.now() - start) / 1_000])
    }
    const events = stream(server.url, { clock, fetch, retry: { base: 0 }, reconnectingAfter: 0, onStatus, ...options })
    const given = take(events)
    await clock.pass(ms)
    events.close()
    await Promise.all(server.requests.map(({ closed }) => closed))
    return { failures, given, requests: server.requests }
  }

  test(`a head that does not arrive in time is aborted and requested again, over ${transport}`, async (t) => {
    const { failures, requests } = await failuresOf(t, () => {}, { connectTimeout: 5_000 }, 12_000)
    assert.deepEqual(failures, [
      ["connect_timeout", 5],
      ["connect_timeout", 10],
    ])
    assert.equal(requests.length, 3)
  })

  test(`the timeout of the head ends when it arrives, over ${transport}`, async (t) => {
    const late = async (exchange: FaultExchange): Promise<void> => {
      await exchange.wait(4_900)
      await silent(exchange)
    }
    const { failures, given } = await failuresOf(t, late, { connectTimeout: 5_000 }, 3_600_000)
    assert.deepEqual([failures, given.data], [[], ["0"]])
  })

  test(`without a byte for the idle timeout, the connection is replaced and resumes at the last id, over ${transport}`, async (t) => {
    const { failures, given, requests } = await failuresOf(t, silent, { idleTimeout: 20_000 }, 50_000)
    assert.deepEqual(failures, [
      ["idle_timeout", 20],
      ["idle_timeout", 40],
    ])
    assert.deepEqual(given.data, ["0", "1", "2"])
    assert.deepEqual(
      requests.map(({ headers }) => headers["last-event-id"]),
      [undefined, "0", "1"],
    )
  })

  test(`any byte resets the idle timeout, but only an event resets the event timeout, over ${transport}`, async (t) => {
    for (const byte of [":\n", "x", "\n"]) {
      const { failures } = await failuresOf(t, every(15_000, byte), { idleTimeout: 20_000 }, 100_000)
      assert.deepEqual(failures, [], JSON.stringify(byte))
    }
    const beating = await failuresOf(t, every(15_000, ":\n"), { eventTimeout: 20_000 }, 50_000)
    assert.deepEqual(
      beating.failures.map(([code]) => code),
      ["event_timeout", "event_timeout"],
    )
    const eventful = await failuresOf(t, every(15_000, "data: x\n\n"), { eventTimeout: 20_000 }, 50_000)
    assert.deepEqual([eventful.failures, eventful.given.data], [[], ["0", "x", "x", "x"]])
  })

  test(`a server that announces its heartbeat may be silent for two intervals, over ${transport}`, async (t) => {
    const announcing = (ms: number) => async (exchange: FaultExchange) => {
      await exchange.open()
      await exchange.write(": heartbeat 15000\n\nretry: 0\n\n")
      while (!exchange.isOver) {
        await exchange.wait(ms)
        await exchange.write(":\n\n")
      }
    }
    const dead = await failuresOf(t, announcing(1e9), {}, 70_000)
    assert.deepEqual(dead.failures, [
      ["idle_timeout", 30],
      ["idle_timeout", 60],
    ])
    const alive = await failuresOf(t, announcing(15_000), {}, 600_000)
    assert.deepEqual(alive.failures, [])
    const told = await failuresOf(t, announcing(1e9), { idleTimeout: Infinity }, 600_000)
    assert.deepEqual(told.failures, [])
  })

  test(`the idle timeout does not run while the program does not read, over ${transport}`, async (t) => {
    const stage = await createStage(t, async (exchange) => {
      await exchange.open()
      await exchange.write(`retry: 0\n\nid: ${exchange.index}\ndata: a\n\ndata: b\n\n`)
    })
    const { server, clock } = stage
    const events = stream(server.url, { clock, fetch, idleTimeout: 20_000, eventTimeout: 20_000, retry: { base: 0 } })
    const take = async (): Promise<unknown> => (await events.next()).value?.data
    assert.equal(await take(), "a")
    await clock.pass(3_600_000)
    assert.equal(server.requests.length, 1)
    assert.equal(await take(), "b")
    await clock.pass(19_000)
    assert.equal(server.requests.length, 1)
    await clock.pass(2_000)
    assert.equal(server.requests.length, 2)
    events.close()
  })

  test(`an EventSource has no timeouts by default, and all of them by options, over ${transport}`, async (t) => {
    const stage = await createStage(t, silent)
    const { server, clock } = stage
    const patient = new EventSource(server.url, { clock, fetch })
    await clock.pass(24 * 3_600_000)
    assert.equal(server.requests.length, 1)
    patient.close()
    const source = new EventSource(server.url, { clock, fetch, idleTimeout: 20_000 })
    const said = watch(source)
    await clock.pass(50_000)
    source.close()
    assert.deepEqual(said.errors, ["idle_timeout", "idle_timeout"])
  })

  test(`without retry a timeout is thrown, over ${transport}`, async (t) => {
    const options = { retry: false, idleTimeout: 20_000 } as const
    const { given } = await failuresOf(t, silent, options, 30_000)
    assert.deepEqual([given.data, given.ending], [["0"], "idle_timeout"])
  })
}
