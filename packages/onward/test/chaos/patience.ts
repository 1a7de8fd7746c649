import { setTimeout as wait } from "node:timers/promises"

/** With nothing in its way, work during which nothing changes for so long, in ms, has failed. */
export const PATIENCE = 60_000

/** Waits for work however long it takes, as long as there is progress; undefined, and a failure, when it fails or stands still. */
export type InTime = <T>(what: string, work: Promise<T>) => Promise<T | undefined>

export function createPatience(progress: () => number, fail: (what: string) => void): InTime {
  return async (what, work) => {
    let before = progress()
    try {
      for (let silence = 0; silence < PATIENCE; silence += 100) {
        const result = await Promise.race([work.then((value) => ({ value })), wait(100)])
        if (result) return result.value
        if (progress() !== before) silence = 0
        before = progress()
      }
      fail(`${what} did not come to an end`)
    } catch (error) {
      fail(`${what} failed: ${String(error)}`)
    }
    return undefined
  }
}

export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await wait(50)
}
