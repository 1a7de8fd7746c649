import type { Socket } from "node:net"
import { setTimeout as wait } from "node:timers/promises"
import type { Chance } from "../hub/simulation/chance.ts"
import { breakOff, BREAKS, createRelay, drained, type Break } from "../relay.ts"

/** How bytes travel. */
export interface Weather {
  /** Before each piece, in ms. */
  readonly latency: number
  /** Of one connection, one way, in bytes a second. */
  readonly bandwidth: number
  /** Most bytes in a piece. */
  readonly slice: number
}

/** A way between two parties that can be made worse at any time, for the connections it has and those to come. */
export interface Link extends AsyncDisposable {
  readonly port: number
  /** Undefined: as good as it can be. */
  weather: Weather | undefined
  /** Breaks about `percent` of its connections, at least one, each in one of the three ways; resolves to how many. */
  cut(chance: Chance, percent: number): Promise<number>
  /** For `ms` nothing passes, and nothing is refused. */
  stall(ms: number): Promise<void>
  /**
   * Spoils answers where HTTP notices (see `spoil`) for `ms` and until there was one, one a connection. Resolves to how many.
   */
  corrupt(ms: number): Promise<number>
}

/** A way to wherever `target` says when a connection is made; with no target it is refused. */
export async function createLink(target: () => number | undefined): Promise<Link> {
  const state: { stalled?: Promise<void> | undefined; spoiled?: Set<Socket> | undefined } = {}

  const relay = await createRelay(target, ({ client, upstream }) => {
    void pass(client, upstream)
    void pass(upstream, client, true)
  })

  async function pass(from: Socket, to: Socket, isAnswer = false): Promise<void> {
    try {
      for await (const bytes of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        while (state.stalled) await state.stalled
        const mayBeSpoilt = isAnswer && state.spoiled?.has(to) === false
        const spoilt = mayBeSpoilt ? spoil(bytes) : undefined
        if (spoilt) state.spoiled?.add(to)
        await send(to, spoilt ?? bytes)
        if (to.destroyed) return
      }
      to.end()
    } catch {
      to.resetAndDestroy() // as the other side did
    }
  }

  async function send(to: Socket, bytes: Buffer): Promise<void> {
    for (let start = 0; start < bytes.length && !to.destroyed;) {
      const { latency = 0, bandwidth = Infinity, slice = Infinity } = link.weather ?? {}
      const piece = bytes.subarray(start, start + slice)
      start += piece.length
      const pause = latency + (piece.length / bandwidth) * 1_000
      if (pause > 0) await wait(pause)
      if (!to.write(piece) && !to.destroyed) await drained(to)
    }
  }

  const link: Link = {
    port: relay.port,
    weather: undefined,
    async cut(chance, percent) {
      while (relay.pairs.size === 0) await wait(20)
      const chosen = [...relay.pairs].filter((_, i) => i === 0 || chance.percent(percent))
      for (const { client, upstream } of chosen) {
        const socket = chance.percent(50) ? client : upstream
        const how = chance.pick<Break>(BREAKS)
        // closed one way within a request, Node answers 400 the other way, and by that a client has to abide
        const isWithinRequest = socket === upstream && upstream.bytesRead === 0
        breakOff(socket, isWithinRequest ? "reset" : how)
      }
      return chosen.length
    },
    async stall(ms) {
      const mine = wait(ms)
      state.stalled = mine
      await mine
      if (state.stalled === mine) state.stalled = undefined
    },
    async corrupt(ms) {
      const mine = new Set<Socket>()
      state.spoiled = mine
      do {
        await wait(ms)
      } while (mine.size === 0 && state.spoiled === mine)
      if (state.spoiled === mine) state.spoiled = undefined
      return mine.size
    },
    [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
  }
  return link
}

/**
 * Bytes as a broken middlebox would pass them on, or undefined where that would not be noticed. An event stream has no checksum: a
 * letter changed within an event is an event, and no server or client could tell. So only what HTTP itself has a rule for is
 * spoiled: the name of the protocol in a status line, and the size of the next chunk, which begins after a chunk that
 * ends a block (no event has a CR).
 */
function spoil(bytes: Buffer): Buffer | undefined {
  const text = bytes.toString("latin1")
  if (text.startsWith("HTTP/1.1")) return Buffer.from(text.replace("HTTP", "HTXP"), "latin1")
  return text.endsWith("\n\n\r\n") ? Buffer.concat([bytes, Buffer.from("no size\r\n")]) : undefined
}
