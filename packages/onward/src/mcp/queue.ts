import { systemClock } from "../clock.ts"

/** Runs actions with the same name one after the other. */
export type Queue = <T>(name: string, act: () => Promise<T>) => Promise<T>

/**
 * Makes a queue. An action starts one turn of the event loop after the one before it is over, so that the caller has handled its result. The
 * SDK registers a resumed stream after its replay, and a message stored in between would reach no client.
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
