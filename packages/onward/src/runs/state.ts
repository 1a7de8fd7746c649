import { OnwardError } from "../errors.ts"
import type { Ages } from "./ages.ts"
import type { RunState, RunStatus } from "./options.ts"
import { unknown } from "./run-topic.ts"
import type { Replica } from "./replica.ts"

/** Tells how runs stand. */
export interface States {
  readonly statusOf: (view: Replica) => RunStatus
  readonly stateOf: (view: Replica) => RunState
  /** Throws unless the run can be watched. */
  readonly check: (view: Replica) => void
}

/** @param retention how long a run can be read after its end, in ms */
export function createStates({ ages, retention }: { readonly ages: Ages; readonly retention: number }): States {
  function statusOf(view: Replica): RunStatus {
    const { records, ending } = view
    if (!records.opened) return view.isTrimmed ? "expired" : "unknown"
    if (records.isDeleted || (records.ended && ages.of(records.ended.time) > retention)) return "expired"
    return ending?.status ?? "running"
  }

  return {
    statusOf,
    stateOf(view) {
      const status = statusOf(view)
      if (status === "unknown" || status === "expired") return { status }
      const { opened, deltas, ended } = view.records
      const { error } = view.ending ?? {}
      const lastEventId = ended?.position ?? deltas.at(-1)?.position ?? opened?.position
      const metrics = ended?.metrics ?? view.meter?.read()
      return {
        status,
        ...(lastEventId !== undefined && { lastEventId }),
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
