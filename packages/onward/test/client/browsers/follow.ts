import assert from "node:assert/strict"
import type { Followed } from "./in-page/in-page.ts"
import type { Tab } from "./tab.ts"
import { until } from "./until.ts"
import "./in-page/globals.ts"

/** The numbers of `/events`, as texts. */
export const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => String(from + i))

/** What the loop of a tab got so far. */
export const followedBy = (tab: Tab, name = "numbers"): Promise<Followed & { state: string }> =>
  tab.evaluate((name) => page.followed(name), name)

/** Waits until a tab has so many events or more; they must be the numbers `from` to `to`, each once and in order. */
export async function hasNumbers(tab: Tab, from: number, to: number): Promise<void> {
  const count = to - from + 1
  const { data, gaps } = await until(
    `${from} to ${to} have arrived`,
    () => followedBy(tab),
    ({ data }) => data.length >= count,
  )
  assert.deepEqual(data, numbers(from, to))
  assert.equal(gaps, 0, "nothing is said to be missing")
}

export async function hasState(tab: Tab, state: string): Promise<void> {
  await until(
    `the stream is ${state}`,
    () => followedBy(tab),
    (followed) => followed.state === state,
  )
}
