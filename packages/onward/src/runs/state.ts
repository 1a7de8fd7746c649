import type { Clock } from "../clock.ts"
import { OnwardError } from "../errors.ts"
import type { RunOwner, RunState, RunStatus } from "./options.ts"
import type { View } from "./view.ts"

/** Tells how runs stand, to those whose they are. */
export interface States {
  readonly statusOf: (view: View, who: RunOwner) => RunStatus
  readonly stateOf: (view: View, who: RunOwner) => RunState
  /** Throws unless the run can be watched. */
  readonly check: (view: View, who: RunOwner) => void
}

/** @param retain how long a run can be read after its end, in ms */
export function createStates({ clock, retain }: { readonly clock: Clock; readonly retain: number }): States {
  function statusOf(view: View, who: RunOwner): RunStatus {
    const { fold, ending } = view
    if (!fold.opened) return view.isTrimmed ? "expired" : "unknown"
    if (isOthers(view, who)) return "unknown"
    if (fold.isDeleted || (fold.ended && clock.now() - fold.ended.time > retain)) return "expired"
    return ending?.status ?? "running"
  }

  return {
    statusOf,
    stateOf(view, who) {
      const status = statusOf(view, who)
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
    check(view, who) {
      const status = statusOf(view, who)
      if (status === "unknown") throw unknown()
      if (status === "expired") throw new OnwardError("run_expired", "this run is over and gone: start a new one")
    },
  }
}

export const isOthers = (view: View, { owner }: RunOwner): boolean =>
  view.fold.opened !== undefined && view.fold.opened.owner !== owner

export const unknown = (): OnwardError => new OnwardError("run_unknown", "there is no such run")
