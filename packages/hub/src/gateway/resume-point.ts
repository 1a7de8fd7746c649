import type { Runs } from "onward/runs"
import type { KindFrame } from "./kinds.ts"

/** Where a client of Responses is: an id of the run, or `over` when it has had everything. */
export type ResumePoint = { readonly id: string | undefined } | "over"

/**
 * The place after the event with this `sequence_number`, as `starting_after` means it. A number that no event has is taken for the one
 * before it: repeating a piece is better than losing it. Waits until the run has come so far.
 */
export async function placeAfter(
  runs: Runs<KindFrame>,
  run: string,
  number: number,
  who: { readonly owner: string; readonly signal: AbortSignal },
): Promise<ResumePoint> {
  let id: string | undefined
  let before: string | undefined
  let last = -1
  for await (const { frame, id: at, end } of runs.attach(run, { ...who, merge: false })) {
    if (end !== undefined) break
    const sequence = frame === "[DONE]" ? undefined : frame["sequence_number"]
    if (typeof sequence === "number") {
      if (sequence > number) return { id }
      last = sequence
    }
    before = id
    id = at ?? id
    if (last === number && (await runs.status(run, { owner: who.owner })).status === "running") return { id }
  }
  // numbers past the end were never given: the end itself is what there is to tell
  return last === number ? "over" : { id: before }
}
