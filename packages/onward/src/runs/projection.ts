import type { Ending, Format, RunInfo } from "./format.ts"
import { wireOf } from "./record.ts"
import type { View } from "./view.ts"

/** A run in one format, made once for all who watch it so here. */
export interface Projection {
  readonly format: Format
  /** The frames of one delta, in this format. */
  frames(index: number): readonly unknown[]
  /** What comes after the last delta. */
  end(ending: Ending): readonly unknown[]
}

/** A run in the format it was written in, or, part by part, in another. */
export function project(view: View, native: Format, format: Format): Projection {
  const follower = native.follow()
  const done: (readonly unknown[])[] = []
  const info: RunInfo = { id: view.id, time: view.fold.opened?.time ?? 0 }
  const write = format.name === native.name ? undefined : format.writer(info)
  let hasEnded = false
  let last: readonly unknown[] | undefined

  function next(index: number): unknown[] {
    const frames: unknown[] = []
    for (const kept of view.delta(index).frames) {
      const frame = native.decode(wireOf(kept))
      if (frame === undefined) continue
      const parts = follower.take(frame)
      if (!write) frames.push(frame)
      else {
        for (const part of parts) {
          hasEnded ||= part.type === "end"
          frames.push(...write(part))
        }
      }
    }
    return frames
  }

  return {
    format,
    frames(index) {
      while (done.length <= index) done.push(next(done.length))
      return done[index] as readonly unknown[]
    },
    end(ending) {
      last ??= !write ? follower.end(ending) : hasEnded ? [] : write({ type: "end", ending })
      return last
    },
  }
}
