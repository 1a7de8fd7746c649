/** The machine's timers, unaffected by fake timers that a test installs later. */
const { setTimeout, clearTimeout } = globalThis
const { setImmediate } = globalThis as { setImmediate?: (run: () => void) => void }

/** Calls `run` after `delay` milliseconds of real time; returns the undo. Keeps the process alive, as a test that waits should. */
export function afterReal(delay: number, run: () => void): () => void {
  const timer = setTimeout(run, delay)
  return () => clearTimeout(timer)
}

/** Calls `run` once the current turn of the event loop is over. */
export const afterTurn: (run: () => void) => void = setImmediate
  ? (run) => setImmediate(run)
  : (run) => void setTimeout(run, 0)

/** Two turns of the event loop: what a turn writes is read in the next at the latest. */
export async function afterTwoTurns(): Promise<void> {
  await new Promise<void>(afterTurn)
  await new Promise<void>(afterTurn)
}
