import assert from "node:assert/strict"
import { fork } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test, type TestContext } from "node:test"
import { setTimeout as wait } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { isDeepStrictEqual } from "node:util"
import { stream } from "../../src/client/node.ts"
import type { PresenceState } from "../../src/index.ts"
import { createLink } from "../chaos/link.ts"
import type { LogAddress } from "../chaos/open-log.ts"
import { STORES } from "../chaos/stores/index.ts"
import { Chance } from "./simulation/chance.ts"

const PROGRAM = fileURLToPath(new URL("programs/hub.ts", import.meta.url))
const SEED = Number(process.env.SEED ?? 5)
const TOPICS = ["numbers/0", "numbers/1", "numbers/2"]
/** Messages published between two changes, at least. */
const BETWEEN = 30
const END = "end"

interface Hub {
  readonly url: string
  readonly port: number
  /** Tells it to leave; resolves to its exit code. */
  leave(): Promise<unknown>
}

/** A store, and whatever shares it; all ended, the last first, when the test is over. */
interface Stage {
  startHub(): Promise<Hub>
  undo(step: () => unknown): void
}

async function stage(t: TestContext, kind: keyof typeof STORES): Promise<Stage> {
  const steps: (() => unknown)[] = []
  t.after(async () => {
    for (const step of steps.reverse()) await step()
  })
  const folder = mkdtempSync(join(tmpdir(), "onward-"))
  steps.push(() => rmSync(folder, { recursive: true, force: true }))
  const store = await STORES[kind].start({ folder, keeps: undefined, mayLose: false })
  steps.push(() => store[Symbol.asyncDispose]())
  const address = JSON.stringify(store.address(store.port ?? 0) satisfies LogAddress)

  return {
    undo: (step) => void steps.push(step),
    async startHub() {
      const child = fork(PROGRAM, [address], {
        execArgv: ["--conditions=onward-source", "--disable-warning=ExperimentalWarning"],
      })
      const exit = once(child, "exit")
      steps.push(() => (child.kill("SIGKILL"), exit))
      const [{ port }] = (await once(child, "message")) as [{ readonly port: number }]
      return {
        port,
        url: `http://127.0.0.1:${port}`,
        async leave() {
          child.kill("SIGTERM")
          return (await exit)[0] as unknown
        },
      }
    },
  }
}

/** Waits until all count the same on `room/1`: what the others count comes by the log, a little later. */
async function everyHubSays(hubs: readonly Hub[], attendees: PresenceState): Promise<void> {
  for (const { url } of hubs) {
    for (;;) {
      const said = await (await fetch(`${url}/presence?topic=room/1`)).json()
      if (isDeepStrictEqual(said, attendees)) break
      await wait(20)
    }
  }
}

for (const [name, { missing }] of Object.entries(STORES)) {
  const kind = name as keyof typeof STORES

  test(
    `${kind}: processes start and stop while all publish, and every reader receives everything once and in order`,
    { skip: missing },
    async (t) => {
      t.diagnostic(`SEED=${SEED}`)
      const chance = new Chance(SEED)
      const { startHub, undo } = await stage(t, kind)
      const hubs = await Promise.all([startHub(), startHub()])
      let turn = 0
      // a load balancer: each connection goes to the next process
      const balancer = await createLink(() => hubs[turn++ % hubs.length]?.port)
      undo(() => balancer[Symbol.asyncDispose]())
      const over = new AbortController()
      undo(() => over.abort())

      async function read(query: string): Promise<Record<string, number>> {
        const ended = new Set<string>()
        const seen: Record<string, number> = Object.fromEntries(TOPICS.map((topic) => [topic, 0]))
        const events = stream(`http://127.0.0.1:${balancer.port}/events?${query}`, {
          signal: over.signal,
          retry: { base: 10, max: 100 },
          onGap: (gap) => assert.fail(`nothing may be missed: ${JSON.stringify(gap)}`),
        })
        for await (const event of events) {
          const topic = event.event
          if (event.data === END && ended.add(topic).size === TOPICS.length) break
          if (event.data === END) continue
          assert.equal(Number(event.data), (seen[topic] ?? Number.NaN) + 1, `${topic}, as ${query} has it`)
          seen[topic] = Number(event.data)
        }
        return seen
      }

      async function publish(topic: string): Promise<void> {
        for (let number = 1, hasEnded = false; !hasEnded; number++) {
          hasEnded = isOver
          const data = hasEnded ? END : number
          const body = JSON.stringify({ topic, event: topic, data, idempotencyKey: `${topic}/${number}` })
          // who is asked may be leaving: asked again, elsewhere, with the same key, it is stored once
          for (let attempt = number; ; attempt++) {
            const url = `${hubs[attempt % hubs.length]?.url}/publish`
            const response = await fetch(url, { method: "POST", body }).catch(() => undefined)
            if (response?.ok) {
              const id = await response.text()
              if (topic === "numbers/0" && number === 1) firstId = id
              break
            }
            await wait(20)
          }
          published++
          if (!hasEnded) totals[topic] = number
        }
      }

      let published = 0
      let firstId = ""
      let isOver = false
      const totals: Record<string, number> = {}
      const publishedMore = async (): Promise<void> => {
        const enough = published + BETWEEN
        const isEnough = (): boolean => published >= enough
        while (!isEnough()) await wait(5)
      }
      const all = TOPICS.map((topic) => `topic=${topic}`).join("&")
      const readers = Promise.all(Array.from({ length: 8 }, (_, i) => read(i % 2 ? all : "pattern=numbers/*")))
      const publishers = Promise.all(TOPICS.map(publish))

      await publishedMore()
      hubs.push(await startHub())
      await balancer.cut(chance, 50)
      await publishedMore()
      assert.equal(await hubs.shift()?.leave(), 0)
      await publishedMore()
      hubs.push(await startHub())
      await balancer.cut(chance, 50)
      await publishedMore()
      assert.equal(await hubs.shift()?.leave(), 0)
      await publishedMore()
      isOver = true
      await publishers
      for (const seen of await readers) assert.deepEqual(seen, totals)
      // an id that one process gave, the first of which is gone, is a place for all
      for (const { url } of hubs) {
        const got: string[] = []
        for await (const { data } of stream(`${url}/events?topic=numbers/0&last_event_id=${firstId}`)) {
          if (got.push(data) === 5) break
        }
        assert.deepEqual(got, ["2", "3", "4", "5", "6"])
      }

      const query = "topic=room/1&userId="
      const present: Response[] = []
      for (const [i, who] of ["ada", "bob", "ada"].entries()) {
        present.push(await fetch(`${hubs[i % 2]?.url}/events?${query}${who}`, { signal: over.signal }))
      }
      // held: Node's fetch closes the connection of a response that is garbage
      undo(() => Promise.allSettled(present.map(async ({ body }) => body?.cancel())))
      await everyHubSays(hubs, { streams: 3, userIds: ["ada", "bob"] })
      await hubs.shift()?.leave()
      await everyHubSays(hubs, { streams: 1, userIds: ["bob"] })
    },
  )
}
