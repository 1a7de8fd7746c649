import { crc32 } from "node:zlib"
import type { Frame } from "../frame.ts"
import type { Blocks, Coder } from "./coder.ts"
import { shiftOf } from "./crc.ts"

/** Frames after which a key frame is sent, if connections wait for one. */
const LONGEST_WAIT = 64

/** Part of its size that a history loses with each smaller frame. */
const SHRINKING = 1 / 8

/** The end of a stream's content, for the compression of what follows. It is twice as long as the largest recent frame, within the coder's bounds. */
export class History {
  readonly #coder: Coder
  #room = 0
  #content: Uint8Array | undefined

  constructor(coder: Coder) {
    this.#coder = coder
  }

  compress(bytes: Uint8Array): Blocks {
    return this.#coder.compress(bytes, this.#content)
  }

  append(bytes: Uint8Array): void {
    const content = this.#coder.contentOf(bytes)
    const [least, most] = this.#coder.historyBytes
    this.#room = Math.ceil(Math.max(2 * content.length, this.#room * (1 - SHRINKING)))
    const room = Math.min(most, Math.max(least, this.#room))
    const before = this.#content ?? content.subarray(0, 0)
    const kept = Math.max(0, room - content.length)
    // copied: a reference would keep a long frame in memory
    this.#content = Buffer.concat([before.subarray(Math.max(0, before.length - kept)), content.subarray(-room)])
  }

  clear(): void {
    this.#content = undefined
  }

  get isEmpty(): boolean {
    return this.#content === undefined
  }
}

/** A frame as streams of one coding need it, computed once for all of them. */
export class CompressedFrame {
  readonly bytes: Uint8Array
  readonly #coder: Coder
  #alone: Blocks | undefined
  #crc: number | undefined
  #shift: number | undefined

  constructor(frame: Frame, coder: Coder) {
    this.bytes = frame.bytes
    this.#coder = coder
  }

  /** Blocks without references to earlier bytes, which fit into any stream. */
  get alone(): Blocks {
    return (this.#alone ??= this.#coder.compress(this.bytes))
  }

  get crc(): number {
    return (this.#crc ??= crc32(this.bytes))
  }

  get shift(): number {
    return (this.#shift ??= shiftOf(this.bytes.length))
  }
}

/** A compressed stream as its dictionary sees it. */
export interface Member {
  /** The number of the frame that the stream ends with; -1 if it ends with other bytes. */
  frameNumber: number
}

/**
 * What the live streams of one audience and coding have in common: the last kilobytes that all streams *in* it have received. A frame is
 * compressed once for them, with the dictionary, and once more without it for the other streams: new ones, and those that received something
 * of their own (a heartbeat, missed entries). They wait for a *key* frame, which is compressed without the dictionary for all streams, so
 * that all are in afterwards.
 */
export class Dictionary {
  #number = 0
  #source: Frame | undefined
  /** The newest frame; set by `take`. */
  frame!: CompressedFrame
  /** The newest frame for the streams that are in. */
  #blocks: Blocks | undefined
  #isKey = false
  /** How many streams are in and have the newest frame. */
  #members = 0
  /** Since the last key frame: frames, and deliveries of frames without the dictionary. */
  #frames = 0
  #alone = 0
  readonly #coder: Coder
  readonly #history: History

  constructor(coder: Coder) {
    this.#coder = coder
    this.#history = new History(coder)
  }

  /** The blocks to send to `member` for a frame that goes to its whole audience. They must be sent. */
  take(frame: Frame, member: Member): Blocks {
    if (frame !== this.#source) this.#turnTo(frame)
    if (this.#isKey || member.frameNumber === this.#number - 1) {
      member.frameNumber = this.#number
      this.#members++
      return this.#blocks as Blocks
    }
    member.frameNumber = -1
    this.#alone++
    return this.frame.alone
  }

  /** To be called when `member` is sent other bytes. */
  leave(member: Member): void {
    // in a quiet audience heartbeats make all streams leave, so the bytes can be freed
    if (member.frameNumber === this.#number && --this.#members === 0) this.#history.clear()
    member.frameNumber = -1
  }

  #turnTo(source: Frame): void {
    // a key frame costs the streams that are in what a frame without dictionary costs the others: it is due when both have cost the same
    this.#isKey = this.#alone >= this.#members || (this.#alone > 0 && this.#frames >= LONGEST_WAIT)
    if (this.#isKey) {
      this.#frames = this.#alone = 0
      this.#history.clear()
    }
    const frame = frameOf(source, this.#coder)
    this.#blocks = this.#history.isEmpty ? frame.alone : this.#history.compress(frame.bytes)
    this.#history.append(frame.bytes)
    this.#source = source
    this.frame = frame
    this.#number++
    this.#frames++
    this.#members = 0
  }
}

type Caches<K extends WeakKey, V> = WeakMap<Coder, WeakMap<K, V>>

const frames: Caches<Frame, CompressedFrame> = new WeakMap()
const dictionaries: Caches<object, Dictionary> = new WeakMap()

const frameOf = (frame: Frame, coder: Coder): CompressedFrame =>
  cached(frames, coder, frame, () => new CompressedFrame(frame, coder))

export const dictionaryOf = (audience: object, coder: Coder): Dictionary =>
  cached(dictionaries, coder, audience, () => new Dictionary(coder))

function cached<K extends WeakKey, V>(caches: Caches<K, V>, coder: Coder, key: K, make: () => V): V {
  let cache = caches.get(coder)
  if (!cache) caches.set(coder, (cache = new WeakMap()))
  let value = cache.get(key)
  if (value === undefined) cache.set(key, (value = make()))
  return value
}
