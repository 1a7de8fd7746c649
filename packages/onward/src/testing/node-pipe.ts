import { Duplex } from "node:stream"
import { BREATH_BYTES } from "./exchange.ts"
import { afterTurn } from "./machine.ts"

/** As many bytes as a socket of Node holds before it says that it is full. */
const HIGH_WATER_BYTES = 65_536

/**
 * One end of a connection that is in memory; what `node:http` and `onward/node` ask of a socket, it has. What is written arrives in the
 * same turn; while stalled it stays with the writer, which is full when the high-water mark is reached.
 */
export class End extends Duplex {
  readonly remoteAddress = "127.0.0.1"
  readonly remoteFamily = "IPv4"
  readonly remotePort = 0
  readonly localAddress = "127.0.0.1"
  readonly localPort = 0
  #peer!: End
  #isStalled = false
  #sinceBreath = 0
  #held: (() => void) | undefined

  constructor() {
    super({ highWaterMark: HIGH_WATER_BYTES })
  }

  join(peer: End): void {
    this.#peer = peer
  }

  /** The other end takes nothing more. */
  stall(): void {
    this.#isStalled = true
  }

  flow(): void {
    this.#isStalled = false
    const held = this.#held
    this.#held = undefined
    held?.()
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const hand = (): void => {
      this.#peer.push(chunk)
      this.#sinceBreath += chunk.length
      if (this.#sinceBreath < BREATH_BYTES) return done()
      this.#sinceBreath = 0
      afterTurn(done)
    }
    if (this.#isStalled) this.#held = hand
    else hand()
  }

  override _final(done: () => void): void {
    if (!this.#peer.destroyed) this.#peer.push(null)
    done()
  }

  override _read(): void {}

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    // either end may be within a call of the other's; a promise, because Jest's fake timers hold up `process.nextTick`
    void Promise.resolve().then(() => this.#peer.destroy())
    done(error)
  }

  // There is no time on this wire: nothing to keep alive, no idleness to notice.

  setKeepAlive(): this {
    return this
  }

  setNoDelay(): this {
    return this
  }

  setTimeout(): this {
    return this
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }
}

/** Both ends of a new connection. */
export function createPipe(): { readonly client: End; readonly server: End } {
  const [client, server] = [new End(), new End()]
  client.join(server)
  server.join(client)
  return { client, server }
}
