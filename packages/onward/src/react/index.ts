"use client"

export {
  useEventStream,
  type EventStreamState,
  type FoldOptions,
  type LatestOptions,
  type UseOptions,
} from "./use-event-stream.ts"
