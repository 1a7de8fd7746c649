/** Those who wait until a replica has come to a place in its stream. */
export interface SequenceWaiters {
  /** Resolves when `sequence` is told, when `stir` is called, or after `patience` milliseconds. */
  wait(sequence: number, patience: number): Promise<void>
  /** Tells how far the replica is. */
  reached(at: number): void
  /** Lets everybody look what has changed. */
  releaseAll(): void
}

export function createSequenceWaiters(): SequenceWaiters {
  const waiting = new Set<{ readonly sequence: number; readonly resolve: () => void }>()
  const reached = (at: number): void => {
    for (const { sequence, resolve } of waiting) if (sequence <= at) resolve()
  }
  return {
    wait: (sequence, patience) =>
      new Promise((resolve) => {
        const waiter = {
          sequence,
          resolve(): void {
            clearTimeout(timer)
            waiting.delete(waiter)
            resolve()
          },
        }
        const timer = setTimeout(() => waiter.resolve(), patience)
        waiting.add(waiter)
      }),
    reached,
    releaseAll: () => reached(Infinity),
  }
}
