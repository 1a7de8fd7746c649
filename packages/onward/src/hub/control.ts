import { END_ID } from "../event-id.ts"
import { Frame } from "../frame.ts"
import type { LossReason } from "../log/index.ts"
import type { Position } from "../message.ts"
import { encode, encodeComment } from "../protocol/index.ts"

/**
 * Frames that are not in the log. They carry no id, or clients would resume past entries they never got. Two do: a checkpoint, whose id
 * is the position up to which its client has everything, and `stream.end`, since nothing comes after it.
 */

/** Sent last: the reconnect with its id is answered 204, at which a native EventSource stops. */
/**
 * For clients that read with `fetch` and ask again after any end: a day. They read the number with `parseInt`. The standard ignores a value
 * that is not digits only, so an EventSource keeps its reconnection time, asks once more, and stops at the 204.
 */
const NOT_SOON = "retry: 86400000 ms\n"

export const end: Frame = new Frame(
  encode({ event: "stream.end", id: END_ID, data: {} }).replace("id: ", `${NOT_SOON}id: `),
)

/** Keeps a quiet stream alive on its way through proxies. */
export const comment: Frame = new Frame(encodeComment(""))

/** A checkpoint: the client that has everything up to `position` resumes there. Fires nothing that a plain client listens to. */
export const checkpoint = (position: Position): Frame => new Frame(encode({ id: position }))

/**
 * The checkpoint before a close after which clients reconnect: its reconnection time, 0.5 to 3 s, differs for each client, so that they do
 * not reconnect together.
 * @param position undefined when the stream has not begun, and its client resumes with the id it has
 */
export const reconnectLater = (position: Position | undefined, random: number): Frame =>
  new Frame(encode({ id: position, retry: 500 + Math.floor(random * 2_500) }))

/** `stream.gap`: entries after `from` (an id) up to `to` (a position) may be missing; those still kept follow. */
export const gap = (reason: LossReason, from: string, to: string): string =>
  encode({ event: "stream.gap", data: { reason, from, to } })
