import { OnwardError } from "../errors.ts"
import type { Ages } from "./ages.ts"
import type { RunState, RunStatus } from "./options.ts"
import { unknown } from "./place.ts"
import type { View } from "./view.ts"

/** Tells how runs stand. */
export interface States {
  readonly statusOf: (view: View) => RunStatus
  readonly stateOf: (view: View) => RunState
  /** Throws unless the run can be watched. */
  readonly check: (view: View) => void
}

/** @param retain how long a run can be read after its end, in ms */
export function createStates({ ages, retain }: { readonly ages: Ages; readonly retain: number }): States {
  function statusOf(view: View): RunStatus {
    const { fold, ending } = view
    if (!fold.opened) return view.isTrimmed ? "expired" : "unknown"
    if (fold.isDeleted || (fold.ended && ages.of(fold.ended.time) > retain)) return "expired"
    return ending?.status ?? "running"
  }

  return {
    statusOf,
    stateOf(view) {
      const status = statusOf(view)
      if (status === "unknown" || status === "expired") return { status }
      const { opened, deltas, ended } = view.fold
      const { error } = view.ending ?? {}
      const lastId = ended?.position ?? deltas.at(-1)?.position ?? opened?.position
      const metrics = ended?.metrics ?? view.meter?.read()
      return {
        status,
        ...(lastId !== undefined && { lastId }),
        ...(error && { error }),
        ...(ended?.usage && { usage: ended.usage }),
        ...(metrics && { metrics }),
      }
    },
    check(view) {
      const status = statusOf(view)
      if (status === "unknown") throw unknown()
      if (status === "expired") throw new OnwardError("run_expired", "this run is over and gone: start a new one")
    },
  }
}
