import type { AuthOptions } from "./auth/index.ts"
import { isLoopback } from "./guard.ts"
import { UsageError } from "./usage-error.ts"

/** Whether other machines can reach the hub. Without authentication, each of them can read and publish everything. */
export const isOpen = (host: string): boolean => !isLoopback(host)

/** The protection of a hub that other machines can reach. */
export interface Protection {
  readonly auth: AuthOptions | undefined
  /** Whether the operator wants it open. */
  readonly insecure: boolean
}

/** Refuses to open a hub without authentication to other machines, unless `insecure` is set. Throws {@link UsageError}. */
export function checkOpen(host: string, { auth, insecure }: Protection): void {
  if (insecure || auth || !isOpen(host)) return
  throw new UsageError(
    `--host ${host} opens the hub to other machines, and without authentication each of them can read and publish everything. Configure auth (docs/hub-auth.md), keep 127.0.0.1 behind a proxy that authenticates clients, or add --insecure.`,
  )
}
