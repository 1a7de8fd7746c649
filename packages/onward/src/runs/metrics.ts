import type { Clock } from "../clock.ts"
import type { Part, Usage } from "./format.ts"

/** Speed and size of a response, measured by its producer. Durations in ms. */
export interface RunMetrics {
  /** Time from the start to the first text; undefined without text. */
  readonly ttft: number | undefined
  /** Time from the start to the end. */
  readonly duration: number
  /** Output tokens. */
  readonly tokens: number
  /** Whether the provider counted the tokens, or this process, which counts each frame with text as one. */
  readonly counted: "usage" | "frames"
  /** Tokens per second, from the first to the last. */
  readonly rate: number | undefined
  /** Time between consecutive frames with text. */
  readonly gaps: { readonly p50: number; readonly p95: number; readonly p99: number } | undefined
  /** How often a viewer attached, in all processes. Viewers of other processes in the last second before the end may be missing. */
  readonly viewers: number
  /** How often a viewer resumed after an id. */
  readonly resumes: number
  /** Data from the source, and data stored after merging, in UTF-16 units. */
  readonly raw: number
  readonly merged: number
}

/** Maximum number of gaps that are kept for percentiles. Beyond it, each new one replaces a random one. */
const GAPS = 4_096

export interface Meter {
  usage: Usage | undefined
  viewers: number
  resumes: number
  raw: number
  merged: number
  /** True for the first frame with text. */
  take(parts: readonly Part[]): boolean
  /** The metrics up to now. */
  read(): RunMetrics
}

/** @param elsewhere viewers of other processes up to now */
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
  // a typed array sorts numbers without a callback
  const sorted = Float64Array.from(list).sort()
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}
