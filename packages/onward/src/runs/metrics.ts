import type { Clock } from "../clock.ts"
import type { Part, Usage } from "./format.ts"

/** How fast an answer came, as its producer saw it. Durations in ms. */
export interface RunMetrics {
  /** From the start to the first piece of the answer; undefined when there was none. */
  readonly ttft: number | undefined
  /** From the start to the end. */
  readonly duration: number
  /** Output tokens. */
  readonly tokens: number
  /** Who counted them: the provider, or this process, for which each frame with a piece of the answer is one. */
  readonly counted: "usage" | "frames"
  /** Tokens a second, from the first to the last. */
  readonly rate: number | undefined
  /** Between one piece of the answer and the next. */
  readonly gaps: { readonly p50: number; readonly p95: number; readonly p99: number } | undefined
  /** How often somebody began to watch, in any process. Who did so elsewhere in the last second before the end may be missing. */
  readonly viewers: number
  /** How often it was to carry on after an id. */
  readonly resumes: number
  /** UTF-16 units of data the source gave, and what became of it in the log once neighbours were merged. */
  readonly raw: number
  readonly merged: number
}

/** Most gaps kept to tell percentiles from; beyond, each new one takes the place of a random one. */
const GAPS = 4_096

export interface Meter {
  usage: Usage | undefined
  viewers: number
  resumes: number
  raw: number
  merged: number
  /** True for the frame that brought the first piece of the answer. */
  take(parts: readonly Part[]): boolean
  /** What there is to tell now. */
  read(): RunMetrics
}

/** @param elsewhere who watched in other processes, so far */
export function createMeter(clock: Clock, elsewhere: () => Pick<RunMetrics, "viewers" | "resumes">): Meter {
  const startedAt = clock.monotonic()
  const gaps: number[] = []
  let seen = 0
  let frames = 0
  let firstAt: number | undefined
  let lastAt = 0

  function piece(): boolean {
    const now = clock.monotonic()
    frames++
    if (firstAt === undefined) {
      firstAt = lastAt = now
      return true
    }
    const gap = now - lastAt
    lastAt = now
    const at = seen++ < GAPS ? gaps.length : Math.floor(clock.random() * seen)
    if (at < GAPS) gaps[at] = gap
    return false
  }

  return {
    usage: undefined,
    viewers: 0,
    resumes: 0,
    raw: 0,
    merged: 0,
    take(parts) {
      let hasPiece = false
      for (const part of parts) {
        if (part.type === "usage") this.usage = { ...this.usage, ...part.usage }
        hasPiece ||=
          (part.type === "text" || part.type === "reasoning" || part.type === "tool-input") && part.delta !== ""
      }
      return hasPiece && piece()
    },
    read() {
      const counted = this.usage?.output === undefined ? "frames" : "usage"
      const tokens = this.usage?.output ?? frames
      const span = firstAt === undefined ? 0 : lastAt - firstAt
      const { raw, merged } = this
      const others = elsewhere()
      return {
        ttft: firstAt === undefined ? undefined : firstAt - startedAt,
        duration: clock.monotonic() - startedAt,
        tokens,
        counted,
        rate: span > 0 ? Math.round((tokens * 10_000) / span) / 10 : undefined,
        gaps: percentiles(gaps),
        viewers: this.viewers + others.viewers,
        resumes: this.resumes + others.resumes,
        raw,
        merged,
      }
    },
  }
}

function percentiles(list: readonly number[]): RunMetrics["gaps"] {
  if (list.length === 0) return undefined
  // numbers in a typed array are sorted without calling back
  const sorted = Float64Array.from(list).sort()
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}
