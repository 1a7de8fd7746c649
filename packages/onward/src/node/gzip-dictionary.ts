import type { Frame } from "../frame.ts"
import { DICTIONARY_BYTES, plainOf, type Blocks, type Plain } from "./deflate.ts"

/** Frames after which a key frame is sent, if connections wait for one. */
const LONGEST_WAIT = 64

const NOTHING = new Uint8Array(0)

/** A gzip stream as a history sees it. */
export interface GzipMember {
  /** The number of the history's frame that the stream ends with; below 0 when it ends with anything else. */
  place: number
}

/**
 * What the live streams of one audience have in common: the last kilobytes that all streams *in* it have received. A frame is compressed
 * once for them, with the dictionary, and once more without it for the other streams: new ones, and those that received something of their
 * own (a heartbeat, missed entries). They wait for a *key* frame, which is compressed without the dictionary for all streams, so that all
 * are in afterwards.
 */
export class GzipDictionary {
  #number = 0
  #frame: Frame | undefined
  /** The newest frame; stands from `take` on. */
  plain!: Plain
  /** The newest frame for the streams that are in. */
  #blocks: Blocks | undefined
  #isKey = false
  #bytes: Uint8Array = NOTHING
  /** How many have the newest frame and are in. */
  #members = 0
  /** Since the last key frame: frames, and deliveries of frames that stood alone. */
  #frames = 0
  #alone = 0

  /** What `member` is to be sent of a frame that goes to its whole audience; it must be sent it. */
  take(frame: Frame, member: GzipMember): Blocks {
    if (frame !== this.#frame) this.#turnTo(frame)
    if (this.#isKey || member.place === this.#number - 1) {
      member.place = this.#number
      this.#members++
      return this.#blocks as Blocks
    }
    member.place = -1
    this.#alone++
    return this.plain.alone
  }

  /** `member` is sent something of its own. */
  leave(member: GzipMember): void {
    // of an audience that is quiet all leave, by their heartbeats, and nothing needs to be kept
    if (member.place === this.#number && --this.#members === 0) this.#bytes = NOTHING
    member.place = -1
  }

  #turnTo(frame: Frame): void {
    // a key frame costs the streams that are in what a frame without dictionary costs the others: it is due when both have cost the same
    this.#isKey = this.#alone >= this.#members || (this.#alone > 0 && this.#frames >= LONGEST_WAIT)
    if (this.#isKey) {
      this.#frames = this.#alone = 0
      this.#bytes = NOTHING
    }
    const plain = plainOf(frame)
    this.#blocks = this.#bytes.length > 0 ? plain.after(this.#bytes) : plain.alone
    this.#bytes = lastOf(this.#bytes, plain.bytes)
    this.#frame = frame
    this.plain = plain
    this.#number++
    this.#frames++
    this.#members = 0
  }
}

/** The end of two stretches of bytes, in memory of its own: a long frame must not be held for its end. */
function lastOf(before: Uint8Array, bytes: Uint8Array): Uint8Array {
  const kept = Math.max(0, DICTIONARY_BYTES - bytes.length)
  return Buffer.concat([before.subarray(Math.max(0, before.length - kept)), bytes.subarray(-DICTIONARY_BYTES)])
}

const histories = new WeakMap<object, GzipDictionary>()

export function dictionaryOf(audience: object): GzipDictionary {
  let history = histories.get(audience)
  if (!history) histories.set(audience, (history = new GzipDictionary()))
  return history
}
