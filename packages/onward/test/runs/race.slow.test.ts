import assert from "node:assert/strict"
import { test } from "node:test"
import { setTimeout as pause } from "node:timers/promises"
import { createRuns, type Runs } from "../../src/runs/index.ts"
import { chance, seed } from "../protocol/seed.ts"
import { lines } from "./lines.ts"
import { stores } from "./stores.ts"
import { textOf } from "./text-of.ts"

const RACES = 200
const TOKENS = 12

/** A turn or a few: where in the race somebody does something. */
async function wait(): Promise<void> {
  for (let turns = chance.below(TOKENS * 2); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve))
}

async function* told(who: string): AsyncGenerator<string> {
  for (let n = 0; n < TOKENS; n++) {
    if (chance.below(4) === 0) await pause(0)
    yield `${who}${n} `
  }
}

/** Watches, leaves somewhere in the middle, and carries on by its last id. */
async function watchInTwo(runs: Runs<string>, id: string): Promise<string> {
  await wait()
  let text = ""
  let after: string | undefined
  const leaveAt = chance.below(TOKENS)
  let seen = 0
  for await (const item of runs.attach(id, { merge: chance.below(2) === 0 })) {
    text += item.frame ?? ""
    after = item.id ?? after
    if (seen++ === leaveAt && item.frame !== undefined) break
    if (item.end !== undefined) return text
  }
  return text + (await textOf(runs.attach(id, after === undefined ? {} : { lastEventId: after })))
}

for (const { name, missing = false, open } of stores) {
  test(
    `${name}: in ${RACES} races of two starts, a stop and four viewers, all viewers receive the same`,
    { skip: missing },
    async (t) => {
      const log = await open(t)
      await using one = createRuns({ log: log(), format: lines, flush: { interval: 1 } })
      await using two = createRuns({ log: log(), format: lines, flush: { interval: 1 } })
      const endings = new Map<string, number>()
      for (let race = 0; race < RACES; race++) {
        const id = `race-${race}`
        const starts = [one, two].map(async (runs, i) => {
          await wait()
          return runs.start(id, () => told(i === 0 ? "a" : "b"))
        })
        await Promise.race(starts)
        const stopped = wait()
          .then(wait)
          .then(wait)
          .then(() => two.stop(id))
        const views = await Promise.all([one, two, one, two].map((runs) => watchInTwo(runs, id)))
        await stopped
        const isNew = await Promise.all(starts)
        const [view = ""] = views
        const where = `race ${race}, seed ${seed}`
        assert.deepEqual(new Set(views), new Set([view]), where)
        // a stop may come before the winner knows that it has won
        const winners = isNew.filter((each) => each.isNew).length
        assert.ok(winners === 1 || (winners === 0 && view === "[stopped]"), where)
        assert.match(view, /^(?:(?:a\d+ )*|(?:b\d+ )*)\[(?:completed|stopped)\]$/, where)
        const ending = view.slice(view.indexOf("["))
        if (ending === "[completed]") assert.equal(view.split(" ").length, TOKENS + 1, where)
        endings.set(ending, (endings.get(ending) ?? 0) + 1)
      }
      t.diagnostic([...endings].join(" "))
      assert.equal(endings.size, 2, `both happen, or this races nothing: seed ${seed}`)
    },
  )
}
