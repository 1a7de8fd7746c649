import { decode } from "./native.ts"

const COLON = 0x3a
/** The longest field name with its colon: so many bytes tell what a line is. */
const NAME = 6
const NAMES: readonly Uint8Array[] = ["data:", "event:", "id:", "retry:", "topic:"].map((name) =>
  new TextEncoder().encode(name),
)
/** Up to here a loop copies bytes faster than a view is made. */
const FEW = 64
const SMALLEST = 256
/** Of a longer line, what came so far is decoded: bytes are moved once at most. */
const LARGEST = 16_384
/** Room behind that for the rest of a character: three bytes may follow the first. */
const SPARE = 3

/**
 * The bytes of a line whose end has not come yet. They are copied, so the caller may reuse its chunk, and decoded once:
 * linear time however small the chunks, and memory about the size of the line. A line without
 * meaning is skipped, not held.
 */
export class LineBuffer {
  /** Bytes held. */
  length = 0
  /** The current line is not needed: its bytes up to the line end are skipped. */
  skipping = false
  readonly #comments: boolean
  #block: Uint8Array = new Uint8Array(SMALLEST)
  /** How much of the block is taken. */
  #size = 0
  /** What earlier blocks held. */
  #parts: string[] = []

  constructor(options: { comments: boolean }) {
    this.#comments = options.comments
  }

  /** Adds `chunk[start, end)`, part of a line without its end. False when that would make a line of more than `room` bytes. */
  hold(chunk: Uint8Array, start: number, end: number, room: number): boolean {
    if (this.skipping) return true
    const length = this.length + end - start
    if (this.length < NAME && length >= NAME && !this.#wants(chunk, start)) {
      this.clear()
      this.skipping = true
      return true
    }
    if (length > room && length >= NAME) return false
    this.add(chunk, start, end)
    return true
  }

  /** Adds `chunk[start, end)`. */
  add(chunk: Uint8Array, start: number, end: number): void {
    this.length += end - start
    if (this.#size + end - start > LARGEST) {
      if (this.#size > 0) start = this.#spill(chunk, start, end)
      const stop = characterEnd(chunk, start, end)
      this.#parts.push(decode(chunk, start, stop))
      start = stop
    }
    this.#copy(chunk, start, end)
  }

  /** What was added, from 0 to `length`, until more is; undefined when a part of it was decoded already. */
  get bytes(): Uint8Array | undefined {
    return this.#parts.length === 0 ? this.#block : undefined
  }

  /** What was added, as text; the buffer is empty afterwards. */
  take(): string {
    const last = decode(this.#block, 0, this.#size)
    const text = this.#parts.length === 0 ? last : [...this.#parts, last].join("")
    this.clear()
    return text
  }

  clear(): void {
    this.length = 0
    this.skipping = false
    this.#size = 0
    if (this.#parts.length > 0) this.#parts = []
  }

  /** Tells by its first bytes, some held and the rest at `start` of the chunk, whether the line is a field or a comment to hand out. */
  #wants(chunk: Uint8Array, start: number): boolean {
    const byte = (at: number): number | undefined =>
      at < this.length ? this.#block[at] : chunk[start + at - this.length]
    if (byte(0) === COLON) return this.#comments
    return NAMES.some((name) => name.every((expected, at) => byte(at) === expected))
  }

  #copy(chunk: Uint8Array, start: number, end: number): void {
    const size = this.#size + end - start
    if (size > this.#block.length) this.#grow(size)
    if (end - start <= FEW)
      for (let at = start, to = this.#size; at < end; at++, to++) this.#block[to] = chunk[at] as number
    else this.#block.set(start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end), this.#size)
    this.#size = size
  }

  #grow(size: number): void {
    const block = new Uint8Array(Math.min(LARGEST + SPARE, Math.max(size, 2 * this.#block.length)))
    block.set(this.#block.subarray(0, this.#size))
    this.#block = block
  }

  /**
   * Turns the block into text, completing its last character from the chunk; returns where the rest of the chunk begins. When
   * the chunk is too short even for that, the character begins the next block.
   */
  #spill(chunk: Uint8Array, start: number, end: number): number {
    let at = start
    while (at < end && at < start + SPARE && isContinuation(chunk[at] as number)) at++
    this.#copy(chunk, start, at)
    const stop = at < end ? this.#size : characterEnd(this.#block, 0, this.#size)
    this.#parts.push(decode(this.#block, 0, stop))
    this.#block.copyWithin(0, stop, this.#size)
    this.#size -= stop
    return at
  }
}

const isContinuation = (byte: number): boolean => (byte & 0xc0) === 0x80

/** Where `bytes[start, end)` can be cut so that no character is: before the last one that more bytes may belong to, else at the end. */
function characterEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = end
  while (at > start && at > end - SPARE && isContinuation(bytes[at - 1] as number)) at--
  return at > start && (bytes[at - 1] as number) >= 0xc0 ? at - 1 : end
}
