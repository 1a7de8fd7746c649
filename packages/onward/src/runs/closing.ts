import type { Clock } from "../clock.ts"
import type { RunError } from "./record.ts"
import type { Replica } from "./replica.ts"

/** The end of a run whose producer closes. */
export const CLOSED: RunError = {
  code: "hub_closed",
  message: "The server that generated this response was shut down.",
}

/** Disconnects a run's viewers, so that they reconnect to another process. */
export function letViewersGo(replica: Replica): void {
  replica.isLeft = true
  replica.changed()
}

/** Waits for something, but no longer than `timeout`, in ms. */
export async function within(clock: Clock, timeout: number, something: Promise<unknown>): Promise<void> {
  let undo: (() => void) | undefined
  const over = new Promise<void>((resolve) => (undo = clock.after(timeout, resolve)))
  const release = clock.hold()
  await Promise.race([something, over])
  undo?.()
  release()
}
