import type { RunObservation } from "onward/runs"
import { GENERATIONS } from "./bounds.ts"
import { createHistogram, createTally, type Family } from "./tallies.ts"

/** Counts runs of the gateway. */
export interface RunCounts {
  /** An event of a run, whose path below `/v1` is this. */
  run(path: string, event: RunObservation): void
  /** Open streams of viewers. */
  readonly viewers: number
  families(): Family[]
}

export function createRunCounts(): RunCounts {
  const runs = createTally({
    name: "runs_total",
    help: "Runs of the gateway that ended in this process, by their path and status.",
    labels: ["path", "status"],
  })
  const tokens = createTally({
    name: "runs_tokens_total",
    help: "Tokens of runs as their providers report them: input and output. Without a report, counted is frames.",
    labels: ["path", "type", "counted"],
  })
  const firstText = createHistogram(
    { name: "runs_first_text_seconds", help: "Time from the start of runs to their first text.", labels: ["path"] },
    GENERATIONS,
  )
  const runTime = createHistogram(
    { name: "runs_duration_seconds", help: "How long runs took.", labels: ["path"] },
    GENERATIONS,
  )
  const viewers = createTally({
    name: "runs_viewers_total",
    help: "Viewers that attached to runs, and viewers that resumed.",
    labels: ["path", "type"],
  })
  let open = 0
  return {
    run(path, event) {
      if (event.type === "attach" || event.type === "resume") {
        open++
        viewers.add([path, event.type])
      }
      if (event.type === "leave") open--
      if (event.type !== "end") return
      runs.add([path, event.status])
      const { metrics, usage } = event
      if (usage?.input !== undefined) tokens.add([path, "input", "usage"], usage.input)
      if (!metrics) return
      tokens.add([path, "output", metrics.counted], metrics.tokens)
      if (metrics.ttft !== undefined) firstText.add([path], metrics.ttft / 1_000)
      runTime.add([path], metrics.duration / 1_000)
    },
    get viewers() {
      return open
    },
    families: () => [runs, tokens, firstText, runTime, viewers].map((each) => each.family()),
  }
}
