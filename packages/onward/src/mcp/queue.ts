import { systemClock } from "../clock.ts"

/** Does things one after the other, by name. */
export type Queue = <T>(name: string, act: () => Promise<T>) => Promise<T>

/**
 * Makes a queue. What comes next begins a turn after the last is over: whoever asked has then acted on the answer. The SDK registers
 * a resumed stream only once its replay is over, and what was stored in between would go to nobody.
 */
export function createQueue(): Queue {
  const last = new Map<string, Promise<void>>()
  return (name, act) => {
    const mine = (last.get(name) ?? Promise.resolve()).then(act)
    const over = mine.then(turn, turn)
    last.set(name, over)
    void over.then(() => {
      if (last.get(name) === over) last.delete(name)
    })
    return mine
  }
}

const turn = (): Promise<void> => new Promise((resolve) => systemClock.turn(resolve))
