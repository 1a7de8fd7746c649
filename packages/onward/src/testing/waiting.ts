import type { OnwardError } from "../errors.ts"
import { afterReal } from "./machine.ts"

/** Promises of what is about to be seen, each for a while only: a test that waits in vain should say what for. */
export interface Waiting {
  /** Something has changed: all waiting calls check again, in the order they came. */
  look(): void
  /** Resolves to what `find` finds, rejects with what it throws; after `timeout` ms of real time with what `late` makes. */
  until<T>(find: () => T | undefined, late: () => OnwardError): Promise<T>
}

export function createWaiting(timeout: number): Waiting {
  const looks = new Set<() => void>()
  return {
    look() {
      for (const look of [...looks]) look()
    },
    until: (find, late) =>
      new Promise((resolve, reject) => {
        const cancel = afterReal(timeout, () => {
          looks.delete(look)
          reject(late())
        })
        function done(): void {
          cancel()
          looks.delete(look)
        }
        function look(): void {
          try {
            const found = find()
            if (found === undefined) return
            done()
            resolve(found)
          } catch (error) {
            done()
            reject(error)
          }
        }
        looks.add(look)
        look()
      }),
  }
}
