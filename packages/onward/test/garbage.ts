import assert from "node:assert/strict"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

/** How much more is on the heap after `run` than before, in bytes. What `run` does once before, to compile it, does not count. */
async function growthOf(run: () => unknown): Promise<number> {
  const [before, after] = [await measure(run), await measure(run)]
  return after - before
}

async function measure(run: () => unknown): Promise<number> {
  await run()
  // what promises and turns still hold is let go of in later turns
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => void setImmediate(resolve))
    collect()
  }
  return process.memoryUsage().heapUsed
}

/** Fails if each of `count` things that `run` makes and gives back leaves more than 20 bytes behind: the smallest map entry takes more. */
export async function assertGivesBack(count: number, run: () => unknown): Promise<void> {
  const growth = await growthOf(run)
  assert.ok(growth < count * 20, `${Math.round(growth / count)} bytes are left of each of ${count}`)
}
