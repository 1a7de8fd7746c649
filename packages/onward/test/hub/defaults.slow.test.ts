import assert from "node:assert/strict"
import { test } from "node:test"
import type { SubscribeOptions } from "../../src/hub/index.ts"
import { src } from "../house/imports.ts"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Recorder } from "./recorder.ts"
import { stage, type Stage } from "./stage.ts"

/** How many of `most` + 1 streams are let in, and what the refused one is told. */
async function admitted({ hub }: Stage, most: number, optionsOf: (i: number) => SubscribeOptions): Promise<unknown[]> {
  let open = 0
  for (; open <= most; open++) {
    try {
      hub.subscribe(optionsOf(open)).open().start(new Recorder())
    } catch (error) {
      return [open, (error as { code: string }).code]
    }
  }
  return [open]
}

const codeOf = async (act: () => unknown): Promise<unknown> => {
  try {
    await act()
    return "fine"
  } catch (error) {
    return (error as { code: string }).code
  }
}

const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `t${i}`)
const data = (bytes: number): { topic: string; data: string } => ({ topic: "a", data: "x".repeat(bytes - 1) })

/** What each default that docs/reference.md gives for a hub comes to, seen from outside. */
const defaults: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  async "heartbeat: 15_000"({ clock, connect }) {
    const client = await connect({ topics: ["a"] })
    const times: number[] = []
    for (let beats = client.frames.length; times.length < 20;) {
      await clock.pass(100)
      if (client.frames.length > beats) times.push(clock.now())
      beats = client.frames.length
      assert.ok(clock.now() - (times.at(-1) ?? clock.now()) <= 15_000)
    }
    const silences = times.slice(1).map((time, i) => time - (times[i] as number))
    assert.ok(Math.max(...silences) > 13_000 && Math.min(...silences) > 7_000, String(silences))
    assert.ok(new Set(silences).size > 1, "the beats of many streams are spread out by chance")
  },
  async "stallTimeout: 120_000"({ clock, connect, publish }) {
    const client = await connect({ topics: ["a"] })
    client.room = 0
    await publish("a", "1")
    await clock.pass(118_000)
    assert.equal(client.closed, undefined)
    await clock.pass(3_000)
    assert.equal(client.closed, "aborted")
  },
  async "maxStreamAge: Infinity"({ clock, connect }) {
    const client = await connect({ topics: ["a"] })
    await clock.pass(4_000_000)
    assert.equal(client.closed, undefined)
  },
  async "drain duration: 5_000"({ clock, connect, hub }) {
    for (let i = 0; i < 100; i++) await connect({ topics: ["a"] })
    void hub.drain()
    const left: number[] = []
    for (let i = 0; i < 5; i++) {
      await clock.pass(1_000)
      left.push(hub.stats().connections)
    }
    for (const [i, count] of left.entries()) assert.ok(Math.abs(count - (80 - 20 * i)) <= 2, String(left))
    await clock.pass(100)
    assert.equal(hub.stats().connections, 0)
  },
  async "window.maxEntries: 10_000"({ hub }) {
    for (let i = 0; i < 11; i++) await hub.publishMany(Array.from({ length: 1_000 }, () => ({ topic: "a", data: "1" })))
    assert.equal(hub.stats().window.entries, 10_000)
  },
  async "window.maxChars: 16_777_216"({ hub }) {
    for (let i = 0; i < 33; i++) await hub.publish({ topic: "a", data: "x".repeat(2 ** 19) })
    assert.deepEqual(hub.stats().window, { entries: 32, chars: 16_777_216 })
  },
  async "limits.connections: 50_000"(here) {
    assert.deepEqual(await admitted(here, 50_000, () => ({ topics: ["a"] })), [50_000, "too_many_connections"])
  },
  async "limits.connectionsPerKey: 100"(here) {
    const refused = [100, "too_many_connections_for_key"]
    assert.deepEqual(await admitted(here, 100, () => ({ topics: ["a"], limitKey: "k" })), refused)
  },
  async "limits.topics: 100"({ hub }) {
    const half = { topics: many(50), patterns: many(50) }
    assert.equal(await codeOf(() => hub.subscribe(half).open()), "fine")
    const more = hub.subscribe({ ...half, patterns: many(51) })
    assert.equal(await codeOf(() => more.open()), "too_many_topics")
  },
  async "limits.patterns: 1_000"(here) {
    assert.deepEqual(await admitted(here, 1_000, (i) => ({ patterns: [`*/${i}`] })), [1_000, "too_many_patterns"])
  },
  async "limits.patternBytes: 67_108_864"(here) {
    const optionsOf = (i: number): SubscribeOptions => ({ patterns: [`${i}/`.padEnd(1_000, "x") + "*"] })
    // each counts 9,236 bytes
    assert.deepEqual(await admitted(here, 7_266, optionsOf), [7_266, "too_many_patterns"])
  },
  async "limits.patternsPerKey: 250"(here) {
    const optionsOf = (i: number): SubscribeOptions => ({
      patterns: Array.from({ length: 10 }, (_, j) => `${i}/${j}/*`),
      limitKey: "k",
    })
    assert.deepEqual(await admitted(here, 25, optionsOf), [25, "too_many_patterns_for_key"])
  },
  async "limits.filters: 1_000"(here) {
    const optionsOf = (): SubscribeOptions => ({ topics: ["a"], filter: () => true })
    assert.deepEqual(await admitted(here, 1_000, optionsOf), [1_000, "too_many_filters"])
  },
  async "limits.cursorBytes: 1_024"({ hub }) {
    const open = (after: string) => codeOf(() => hub.subscribe({ topics: ["a"] }).open({ after }))
    assert.deepEqual([await open("é".repeat(512)), await open("é".repeat(513))], ["fine", "cursor_too_long"])
  },
  async "limits.messageBytes: 1_048_576"({ hub }) {
    assert.equal(await codeOf(() => hub.publish(data(1_048_576))), "fine")
    assert.equal(await codeOf(() => hub.publish(data(1_048_577))), "message_too_large")
  },
  async "limits.last: 10_000"({ hub }) {
    const open = (last: number) => codeOf(() => hub.subscribe({ topics: ["a"] }).open({ last }))
    assert.deepEqual([await open(10_000), await open(10_001)], ["fine", "invalid_start"])
  },
}

for (const [name, observe] of Object.entries(defaults)) {
  test(`a hub without options has ${name}`, async () => {
    const here = await stage()
    await observe(here)
    await Promise.all([here.hub.close(), here.clock.pass(10_000)])
  })
}

test("every numeric default of a hub is tested", () => {
  const documented = ["hub/hub-options.ts", "hub/hub.ts", "hub/limits.ts", "hub/window.ts"].flatMap((file) => {
    return [...readFileSync(join(src, file), "utf8").matchAll(/@default (\d[\d_]*|Infinity)[\s*]*\/\s+readonly (\w+)/g)]
  })
  const observed = Object.keys(defaults).map((name) => name.replace(/^.*[. ](?=\w+:)/, ""))
  assert.deepEqual(documented.map(([, value, name]) => `${name}: ${value}`).sort(), observed.sort())
})
