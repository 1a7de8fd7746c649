import { END_ID } from "../event-id.ts"
import { Frame } from "../frame.ts"
import type { LossReason } from "../log/index.ts"
import type { Position } from "../message.ts"
import { encode, encodeComment } from "../protocol/index.ts"

/**
 * Frames that are not in the log. They carry no id, because clients would resume past entries they never received. Two exceptions: a
 * checkpoint, whose id is the position up to which its client has everything, and `stream.end`, because nothing follows it.
 */

/**
 * A day, for clients that use `fetch` and reconnect after any end. They read the number with `parseInt`. The standard ignores a value with
 * other characters than digits, so an EventSource keeps its reconnection time, reconnects once, and stops at the 204.
 */
const NOT_SOON = "retry: 86400000 ms\n"

/** Sent last. A reconnect with its id is answered with 204, after which an EventSource stops. */
export const end: Frame = new Frame(
  encode({ event: "stream.end", id: END_ID, data: {} }).replace("id: ", `${NOT_SOON}id: `),
)

/** The heartbeat: keeps a quiet stream open in proxies. */
export const comment: Frame = new Frame(encodeComment(""))

/** A checkpoint: a client that has everything up to `position` resumes there. Clients that do not know its event name ignore it. */
export const checkpoint = (position: Position): Frame => new Frame(encode({ id: position }))

/**
 * The last frame before a close after which clients reconnect. The reconnection time, 0.5 to 3 s, differs between clients, so that they do
 * not reconnect together.
 * @param position undefined when the stream has not begun, and its client resumes with the id it has
 */
export const reconnectLater = (position: Position | undefined, random: number): Frame =>
  new Frame(encode({ id: position, retry: 500 + Math.floor(random * 2_500) }))

/** `stream.gap`: entries after `from` (an id) up to `to` (a position) may be missing; those still kept follow. */
export const gap = (reason: LossReason, from: string, to: string): string =>
  encode({ event: "stream.gap", data: { reason, from, to } })
