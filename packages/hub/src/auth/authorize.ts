import type { Action, Principal } from "./principal.ts"
import { notGranted } from "./refusal.ts"

/** Throws `AuthRefusal` 403 for the first topic or pattern that the principal is not granted. */
export function authorize({ principal, action, topics }: Asked): void {
  const grants = principal.grants[action]
  for (const topic of topics) if (!grants.covers(topic)) throw notGranted(principal, action, topic)
}

interface Asked {
  readonly principal: Principal
  readonly action: Action
  readonly topics: Iterable<string>
}
