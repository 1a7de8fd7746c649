import assert from "node:assert/strict"
import { test } from "node:test"
import { OnwardError } from "../../src/errors.ts"
import { memoryLog, type Log } from "../../src/log/index.ts"
import { createRuns, type Runs } from "../../src/runs/index.ts"
import { createClock, type TestClock } from "../../src/testing/index.ts"
import { Chance } from "../hub/simulation/chance.ts"
import { lines } from "./lines.ts"
import { textOf } from "./text-of.ts"

const WORLDS = 200
const FIRST = Number(process.env.SEED ?? 1)
const TOKENS = 15

const away = new OnwardError("log_unavailable", "the store is away")

/** A store that now and then refuses, or stores and does not say so, or cannot be read. */
function flaky(log: Log, chance: Chance): Log {
  const call = async <T>(act: () => Promise<T>): Promise<T> => {
    if (chance.percent(10)) throw away
    const result = await act()
    if (chance.percent(10)) throw away
    return result
  }
  return {
    append: (messages) => call(() => log.append(messages)),
    read: (query) => call(() => log.read(query)),
    bounds: () => call(() => log.bounds()),
    locate: (landmark) => log.locate(landmark),
    watch: (wake) => log.watch(wake),
    close: async () => {},
  }
}

/** One world: what the seed says, and what everybody saw. */
async function world(seed: number): Promise<{ views: string[]; truth: string }> {
  const chance = new Chance(seed)
  const clock = createClock({ seed })
  const log = memoryLog({ clock })
  const open = () =>
    createRuns({ log: flaky(log, chance), format: lines, clock, requireStored: true, onError: () => {} })
  const all = [open(), open()]
  const wait = (most: number) => new Promise<void>((resolve) => clock.after(chance.below(most), resolve))
  // a caller whose call fails calls again
  const insist = async <T>(act: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await act()
      } catch (error) {
        if (error !== away) throw error
        await wait(50)
      }
    }
  }

  async function* told(who: number): AsyncGenerator<string> {
    for (let n = 0; n < TOKENS; n++) {
      yield `${who}-${n} `
      await wait(60)
    }
  }

  async function view(runs: Runs<string>): Promise<string> {
    await wait(1_500)
    let text = ""
    let after: string | undefined
    for (let isOver = false; ;) {
      if (isOver) return text
      let most = 1 + chance.below(8)
      await insist(async () => {
        for await (const item of runs.attach("a", after === undefined ? {} : { lastEventId: after })) {
          text += item.frame ?? ""
          after = item.id ?? after
          isOver ||= item.end !== undefined
          if (--most === 0) return
        }
      }).catch((error: unknown) => {
        // nobody has started it yet
        if (!(error instanceof OnwardError && error.code === "run_unknown")) throw error
        return wait(100)
      })
    }
  }

  const deeds = [
    ...all.map((runs, i) => wait(500).then(() => insist(() => runs.start("a", () => told(i))))),
    ...(chance.percent(50) ? [wait(2_000).then(() => insist(() => (all[1] as Runs<string>).stop("a")))] : []),
  ]
  const views = [0, 1, 0, 1].map((i) => view(all[i] as Runs<string>))
  const done = Promise.all([...deeds, ...views])
  await passUntil(clock, done)
  const judge = createRuns({ log, format: lines, clock })
  const truth = await textOf(judge.attach("a"))
  await passUntil(clock, Promise.all([...all, judge].map((runs) => runs.close())))
  return { views: await Promise.all(views), truth }
}

async function passUntil(clock: TestClock, done: Promise<unknown>): Promise<void> {
  const pending = Promise.resolve("pending")
  for (let passed = 0; passed < 300_000; passed += 500) {
    await clock.pass(500)
    if ((await Promise.race([done, pending])) !== "pending") return
  }
  throw new Error("it hangs")
}

test(`in ${WORLDS} worlds with a store that fails one call in five, every viewer receives the right content, each word once`, async (t) => {
  const endings = new Map<string, number>()
  for (let seed = FIRST; seed < FIRST + WORLDS; seed++) {
    const { views, truth } = await world(seed).catch((cause: unknown) => {
      throw new Error(`world ${seed}: run this test with SEED=${seed}`, { cause })
    })
    const where = `world ${seed}: run this test with SEED=${seed}`
    assert.deepEqual(
      views,
      views.map(() => truth),
      where,
    )
    assert.match(truth, /^(?:(?:0-\d+ )*|(?:1-\d+ )*)\[\w+.*\]$/, where)
    const words = truth.split(" ").filter((word) => word.includes("-"))
    assert.deepEqual(
      words,
      words.map((word, n) => `${word[0]}-${n}`),
      where,
    )
    const ending = truth.slice(truth.indexOf("["))
    if (ending === "[completed]") assert.equal(words.length, TOKENS, where)
    endings.set(ending, (endings.get(ending) ?? 0) + 1)
  }
  // who starts again after a failure has what it started
  assert.deepEqual([...endings.keys()].sort(), ["[completed]", "[stopped]"])
  t.diagnostic([...endings].join(" "))
})
