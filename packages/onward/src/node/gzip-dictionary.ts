import type { Frame } from "../frame.ts"
import { DICTIONARY_BYTES, plainOf, type Blocks, type Plain } from "./deflate.ts"

/** Frames after which a key frame is sent, if connections wait for one. */
const LONGEST_WAIT = 64

const NOTHING = new Uint8Array(0)

/** A gzip stream as its dictionary sees it. */
export interface GzipMember {
  /** The number of the frame that the stream ends with; -1 if it ends with other bytes. */
  frameNumber: number
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
  /** The newest frame; set by `take`. */
  plain!: Plain
  /** The newest frame for the streams that are in. */
  #blocks: Blocks | undefined
  #isKey = false
  #bytes: Uint8Array = NOTHING
  /** How many streams are in and have the newest frame. */
  #members = 0
  /** Since the last key frame: frames, and deliveries of frames without the dictionary. */
  #frames = 0
  #alone = 0

  /** The blocks to send to `member` for a frame that goes to its whole audience. They must be sent. */
  take(frame: Frame, member: GzipMember): Blocks {
    if (frame !== this.#frame) this.#turnTo(frame)
    if (this.#isKey || member.frameNumber === this.#number - 1) {
      member.frameNumber = this.#number
      this.#members++
      return this.#blocks as Blocks
    }
    member.frameNumber = -1
    this.#alone++
    return this.plain.alone
  }

  /** To be called when `member` is sent other bytes. */
  leave(member: GzipMember): void {
    // in a quiet audience heartbeats make all streams leave, so the bytes can be freed
    if (member.frameNumber === this.#number && --this.#members === 0) this.#bytes = NOTHING
    member.frameNumber = -1
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

/** The end of two byte sequences in a row, copied: a reference would keep a long frame in memory. */
function lastOf(before: Uint8Array, bytes: Uint8Array): Uint8Array {
  const kept = Math.max(0, DICTIONARY_BYTES - bytes.length)
  return Buffer.concat([before.subarray(Math.max(0, before.length - kept)), bytes.subarray(-DICTIONARY_BYTES)])
}

const dictionaries = new WeakMap<object, GzipDictionary>()

export function dictionaryOf(audience: object): GzipDictionary {
  let dictionary = dictionaries.get(audience)
  if (!dictionary) dictionaries.set(audience, (dictionary = new GzipDictionary()))
  return dictionary
}
