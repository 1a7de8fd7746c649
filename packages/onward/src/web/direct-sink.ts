import type { Frame } from "../frame.ts"
import type { Sink, SinkOwner } from "../sink.ts"

/** What `pull` of a direct stream gets. */
interface DirectController {
  /** Only of Bun's server. Without it, a program reads the stream itself. */
  readonly sinkId?: unknown
  /** Copies the bytes. From Bun's server a promise while the socket takes no more, which resolves when there is room. */
  write(bytes: Uint8Array): number | Promise<unknown>
  flush(): void
  end(): void
  /** Only without `sinkId`. */
  error?(reason: unknown): void
}

const encoder = new TextEncoder()

/** Bytes that are buffered until a stream counts as full: before its response begins, or for a program that reads the body. */
const HIGH_WATER_BYTES = 65_536

/** Whether this is Bun, in a version whose direct streams tell that a client does not read: Bun 1.3 buffers without a limit. */
export const hasDirectStreams: boolean = /^(1\.([4-9]|\d\d)|[2-9]|\d\d)/.test(
  `${(globalThis as { Bun?: { version: string } }).Bun?.version}`,
)

/**
 * Writes to a response of Bun's server without a queue in between, which takes half the memory of a `ReadableStream` with a queue
 * (https://bun.sh/docs/runtime/streams#direct-readablestream).
 */
export class DirectSink implements Sink {
  owner: SinkOwner | undefined
  readonly readable: ReadableStream<Uint8Array>
  readonly #signal: AbortSignal
  #controller: DirectController | undefined
  /** What was written before there was a controller. */
  #early: Uint8Array[] = []
  /** Bytes that Bun's server has not taken. */
  #held = 0
  #isFull = false
  #isOver = false
  /** For Bun's server only: settles the promise of `pull`, which ends the response. */
  #settle: ((result?: Promise<never>) => void) | undefined
  #failure: { readonly reason: unknown } | undefined

  constructor(signal: AbortSignal) {
    this.#signal = signal
    const source = {
      type: "direct",
      pull: (controller: DirectController) => this.#pull(controller),
      cancel: () => this.#left(),
    }
    this.readable = new ReadableStream(source as unknown as UnderlyingDefaultSource<Uint8Array>)
    signal.addEventListener("abort", this.#aborted)
  }

  write(frame: Frame): boolean {
    return this.#write(frame.bytes)
  }

  writeText(text: string): boolean {
    return this.#write(encoder.encode(text))
  }

  close(options?: { abort?: boolean }): void {
    if (this.#isOver) return
    if (options?.abort) this.#failure = { reason: new DOMException("The client did not read.", "AbortError") }
    this.#end()
    this.#left()
  }

  /** Bun's server calls it once, and ends the response when its promise is settled. A program that reads the body calls it for each read. */
  #pull(controller: DirectController): Promise<void> | undefined {
    this.#controller = controller
    const isServed = controller.sinkId !== undefined
    // the server cancels the body when the client disconnects
    if (isServed) this.#signal.removeEventListener("abort", this.#aborted)
    const ended = isServed ? new Promise<void>((resolve) => (this.#settle = resolve)) : undefined
    this.#held = 0
    const early = this.#early
    this.#early = []
    let hasRoom = true
    if (!this.#failure) for (const bytes of early) hasRoom = this.#send(controller, bytes)
    if (this.#isOver) this.#end()
    else if (hasRoom) this.#drained()
    return ended
  }

  #write(bytes: Uint8Array): boolean {
    if (this.#isOver) return true
    if (this.#controller) return this.#send(this.#controller, bytes)
    this.#early.push(bytes)
    return this.#hold(bytes)
  }

  #send(controller: DirectController, bytes: Uint8Array): boolean {
    const written = controller.write(bytes)
    if (!this.#settle) {
      controller.flush()
      return this.#hold(bytes)
    }
    // it is sent at the end of this turn, in one write with what follows
    if (typeof written === "number") return true
    this.#isFull = true
    written.then(this.#drained, () => {})
    return false
  }

  #hold({ length }: Uint8Array): boolean {
    this.#held += length
    this.#isFull = this.#held >= HIGH_WATER_BYTES
    return !this.#isFull
  }

  readonly #drained = (): void => {
    if (!this.#isFull) return
    this.#isFull = false
    this.owner?.onDrain()
  }

  readonly #aborted = (): void => {
    // a runtime that also cancels the body does so in this turn, and would log the error
    this.#failure = { reason: this.#signal.reason }
    queueMicrotask(() => this.#end())
    this.#left()
  }

  #end(): void {
    const failure = this.#failure
    if (!failure) {
      this.#controller?.end()
      this.#settle?.()
    } else if (this.#settle) this.#settle(Promise.reject(failure.reason))
    else this.#controller?.error?.(failure.reason)
  }

  #left(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#signal.removeEventListener("abort", this.#aborted)
    this.owner?.onClose()
  }
}
