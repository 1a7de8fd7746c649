import type { Runs } from "onward/runs"
import type { KindFrame } from "./kinds.ts"

/** Where a client of Responses resumes: after an id of the run, or `over` if it has received everything. */
export type ResumePoint = { readonly id: string | undefined } | "over"

/**
 * Returns the point after the event with this `sequence_number`, for `starting_after`. A number without an event stands for the one before it:
 * a repeated event is better than a lost one. Waits until the run has reached the number.
 */
export async function resumePointAfter(
  runs: Runs<KindFrame>,
  run: string,
  number: number,
  viewer: { readonly owner: string; readonly signal: AbortSignal },
): Promise<ResumePoint> {
  let id: string | undefined
  let before: string | undefined
  let last = -1
  for await (const { frame, id: at, end } of runs.attach(run, { ...viewer, merge: false })) {
    if (end !== undefined) break
    const sequence = frame === "[DONE]" ? undefined : frame["sequence_number"]
    if (typeof sequence === "number") {
      if (sequence > number) return { id }
      last = sequence
    }
    before = id
    id = at ?? id
    if (last === number && (await runs.status(run, { owner: viewer.owner })).status === "running") return { id }
  }
  // no event has a larger number, so the client receives the end
  return last === number ? "over" : { id: before }
}
