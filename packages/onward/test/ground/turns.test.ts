import assert from "node:assert/strict"
import { test } from "node:test"
import { systemClock, type Clock } from "../../src/clock.ts"
import { Turns } from "../../src/turns.ts"

/** A clock on which each look takes a millisecond; turns are the machine's, and counted. */
function slowClock(): Clock & { turns: number } {
  let now = 0
  const clock = {
    ...systemClock,
    turns: 0,
    monotonic: () => now++,
    turn(run: () => void) {
      systemClock.turn(() => {
        clock.turns++
        run()
      })
    },
  }
  return clock
}

test("a long loop yields to the event loop repeatedly", async () => {
  const clock = slowClock()
  const turns = new Turns(clock)
  let beats = 0
  const beat = (): void => {
    beats++
    if (beats < 1_000) setImmediate(beat)
  }
  setImmediate(beat)
  for (let i = 0; i < 1_000; i++) if (turns.isOver) await turns.next()
  assert.ok(beats >= 100, `${beats} turns of others`)
})

test("a loop with time left never waits, and takes one turn at most", async () => {
  const clock = { ...slowClock(), monotonic: () => 7 }
  const turns = new Turns(clock)
  for (let i = 0; i < 100_000; i++) assert.equal(turns.isOver, false)
  await new Promise((resolve) => void setTimeout(resolve, 5))
  assert.ok(clock.turns <= 1)
})

test("loops take turns in the order of their requests, whether they wait or are called", async () => {
  const turns = new Turns(slowClock())
  const order: string[] = []
  async function loop(name: string): Promise<void> {
    for (let i = 0; i < 3; i++) {
      do await turns.next()
      while (turns.isOver)
      order.push(name)
    }
  }
  const called = new Promise<void>((resolve) => {
    let left = 3
    const again = (): void => {
      order.push("c")
      if (--left > 0) turns.later(again)
      else resolve()
    }
    turns.later(again)
  })
  await Promise.all([loop("a"), loop("b"), called])
  assert.deepEqual(order.toSorted(), "aaabbbccc".split(""))
  assert.equal(new Set(order.slice(0, 3)).size, 3, order.join(""))
})

test("a hundred thousand deferred tasks all run, and the queue is empty", async () => {
  const turns = new Turns({ ...systemClock })
  let done = 0
  for (let i = 0; i < 100_000; i++) turns.later(() => done++)
  await turns.next()
  assert.equal(done, 100_000)
})
