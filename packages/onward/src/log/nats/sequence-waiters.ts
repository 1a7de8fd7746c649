/** Waits until a replica has applied a sequence number of its stream. */
export interface SequenceWaiters {
  /** Resolves when `sequence` is reached, when `releaseAll` is called, or after `timeout` milliseconds. */
  wait(sequence: number, timeout: number): Promise<void>
  /** Reports the newest applied sequence number. */
  reached(at: number): void
  /** Resolves all waits. */
  releaseAll(): void
}

export function createSequenceWaiters(): SequenceWaiters {
  const waiting = new Set<{ readonly sequence: number; readonly resolve: () => void }>()
  const reached = (at: number): void => {
    for (const { sequence, resolve } of waiting) if (sequence <= at) resolve()
  }
  return {
    wait: (sequence, timeout) =>
      new Promise((resolve) => {
        const waiter = {
          sequence,
          resolve(): void {
            clearTimeout(timer)
            waiting.delete(waiter)
            resolve()
          },
        }
        const timer = setTimeout(() => waiter.resolve(), timeout)
        waiting.add(waiter)
      }),
    reached,
    releaseAll: () => reached(Infinity),
  }
}
