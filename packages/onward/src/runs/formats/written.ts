import type { FinishReason, Part, Usage } from "../format.ts"

/** What a writer keeps of the parts until the end of a response. */
export interface Written {
  readonly model: string | undefined
  readonly usage: Usage | undefined
  readonly reason: FinishReason
  /** Reads a part. */
  note(part: Part): void
  /** Returns the frames of `make` at the first call, and none afterwards. */
  begin<Frame>(make: () => Frame[]): Frame[]
}

/** Creates the state that the writers of all formats share. */
export function createWritten(): Written {
  let model: string | undefined
  let usage: Usage | undefined
  let reason: FinishReason = "stop"
  let hasStarted = false
  return {
    get model() {
      return model
    },
    get usage() {
      return usage
    },
    get reason() {
      return reason
    },
    note(part) {
      if (part.type === "start") model = part.model ?? model
      else if (part.type === "usage") usage = { ...usage, ...part.usage }
      else if (part.type === "finish") reason = part.reason
    },
    begin(make) {
      if (hasStarted) return []
      hasStarted = true
      return make()
    },
  }
}
