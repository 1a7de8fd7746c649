import type { Origin } from "./origin.ts"
import type { Proxy } from "./start.ts"

/** A proxy, and the server behind it. */
export interface Stage {
  readonly origin: Origin
  readonly proxy: Proxy
  /** What to do once the check is over, however it ends. */
  after(undo: () => void | Promise<void>): void
}
