import { systemClock, type Clock } from "../clock.ts"
import type { OnwardError } from "../errors.ts"
import { textAnswer, type StreamAnswer } from "./stream-answer.ts"

/** The default `onError`. */
export const report = (error: unknown): void => console.error("onward:", error)

/** Recognized by its name, because the error can come from another copy of the library. */
export const isOnwardError = (error: unknown): error is OnwardError =>
  error instanceof Error && error.name === "OnwardError"

/** Whether the client caused the error, so that only the client needs to know. */
export const isClientFault = (error: unknown): boolean => isOnwardError(error) && !error.isRemote && error.status < 500

/** The response for an error. Errors that the client did not cause are not described to it. */
export function problem(error: unknown, cors?: Record<string, string>, clock: Clock = systemClock): StreamAnswer {
  const known = isOnwardError(error) && !error.isRemote ? error : undefined
  const status = known?.status ?? 500
  const isTold = known !== undefined && !known.code.startsWith("log_")
  const isLater = status === 503 || status === 429
  return textAnswer(status, isTold ? known.message : "The stream could not be started.", {
    ...cors,
    // jittered, or all refused clients reconnect at the same time
    ...(isLater && { "retry-after": String(1 + Math.floor(clock.random() * 5)) }),
  })
}
