import { END_ID } from "../event-id.ts"
import { Frame } from "../frame.ts"
import type { LossReason } from "../log/index.ts"
import { encode, encodeComment } from "../protocol/index.ts"

/**
 * Frames that are not in the log. They carry no id, or clients would resume past entries they never got; only
 * `stream.end` does, since nothing comes after it.
 */

/** Sent last: the reconnect with its id is answered 204, at which a native EventSource stops. */
export const end: Frame = new Frame(encode({ event: "stream.end", id: END_ID, data: {} }))

/** Keeps a quiet stream alive on its way through proxies. */
export const comment: Frame = new Frame(encodeComment(""))

/** Before a close that clients are to come back from: a reconnection time of 0.5 to 3 s, another for each, so that they come apart. */
export const comeBack = (random: number): Frame => new Frame(encode({ retry: 500 + Math.floor(random * 2_500) }))

/** `stream.gap`: entries after `from` (an id) up to `to` (a position) may be missing; those still kept follow. */
export const gap = (reason: LossReason, from: string, to: string): string =>
  encode({ event: "stream.gap", data: { reason, from, to } })
