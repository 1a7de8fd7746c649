import { OnwardError } from "../errors.ts"
import type { Ages } from "./ages.ts"
import type { RunState, RunStatus } from "./options.ts"
import { unknown } from "./run-topic.ts"
import type { Replica } from "./replica.ts"

/** Computes the states of runs. */
export interface States {
  readonly statusOf: (replica: Replica) => RunStatus
  readonly stateOf: (replica: Replica) => RunState
  /** Throws unless the run can be watched. */
  readonly check: (replica: Replica) => void
}

/** @param options `retention`: how long a run can be read after its end, in ms */
export function createStates({ ages, retention }: { readonly ages: Ages; readonly retention: number }): States {
  function statusOf(replica: Replica): RunStatus {
    const { records, ending } = replica
    if (!records.opened) return replica.isTrimmed ? "expired" : "unknown"
    if (records.isDeleted || (records.ended && ages.of(records.ended.time) > retention)) return "expired"
    return ending?.status ?? "running"
  }

  return {
    statusOf,
    stateOf(replica) {
      const status = statusOf(replica)
      if (status === "unknown" || status === "expired") return { status }
      const { opened, deltas, ended } = replica.records
      const { error } = replica.ending ?? {}
      const lastEventId = ended?.position ?? deltas.end ?? opened?.position
      const metrics = ended?.metrics ?? replica.meter?.read()
      return {
        status,
        ...(lastEventId !== undefined && { lastEventId }),
        ...(error && { error }),
        ...(ended?.usage && { usage: ended.usage }),
        ...(metrics && { metrics }),
      }
    },
    check(replica) {
      const status = statusOf(replica)
      if (status === "unknown") throw unknown()
      if (status === "expired")
        throw new OnwardError(
          "run_expired",
          "This run was deleted, or ended longer ago than its retention. Start another run.",
        )
    },
  }
}
