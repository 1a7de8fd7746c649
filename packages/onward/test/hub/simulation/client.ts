import type { Frame } from "../../../src/frame.ts"
import type { Hub, StartPoint, SubscribeOptions } from "../../../src/hub/index.ts"
import type { Position } from "../../../src/message.ts"
import type { Sink, SinkOwner } from "../../../src/sink.ts"
import type { World } from "./world.ts"

/** A stretch of a stream that the server said may be missing. */
export interface Announced {
  readonly reason: string
  readonly from: string
  readonly to: Position
  /** How many entries had been received before it. */
  readonly after: number
  /** On which connection, counted from 1. */
  readonly connection: number
}

/** A stream that began without a cursor. */
export interface Beginning {
  /** How many entries had been received before it. */
  readonly at: number
  /** How many entries had been stored before it. */
  readonly known: number
  readonly start: StartPoint
}

/** One attempt: a socket with little room, from which the client reads when it likes. */
class Socket implements Sink {
  owner: SinkOwner | undefined
  buffer = ""
  isFull = false
  isOver = false
  readonly #room: number

  constructor(room: number) {
    this.#room = room
  }

  write(frame: Frame): boolean {
    return this.writeText(frame.text)
  }

  writeText(text: string): boolean {
    if (this.isOver) return true
    this.buffer += text
    this.isFull = this.buffer.length > this.#room
    return !this.isFull
  }

  close(options?: { abort?: boolean }): void {
    this.isOver = true
    if (options?.abort) this.buffer = ""
  }
}

/** A subscriber as the WHATWG standard has it, or (`forgetful`) as engines are that forget ids without an event. */
export class Client {
  readonly received: { id: string; data: string; connection: number }[] = []
  readonly announced: Announced[] = []
  readonly beginnings: Beginning[] = []
  lastEventId = ""
  hasEnded = false
  readonly options: SubscribeOptions
  readonly #world: World
  readonly #forgetful: boolean
  readonly #start: StartPoint
  #socket: Socket | undefined
  #connection = 0
  #text = ""

  constructor(world: World, options: SubscribeOptions, start: StartPoint) {
    this.#world = world
    this.options = options
    this.#start = start
    this.#forgetful = world.chance.percent(30)
  }

  get isConnected(): boolean {
    return this.#socket !== undefined
  }

  /** True when it has read everything that was sent. */
  get isCaughtUp(): boolean {
    return this.#socket !== undefined && this.#socket.buffer === "" && !this.#socket.isOver
  }

  connect(hub: Hub, known: number): void {
    if (this.#socket || this.hasEnded) return
    const hasCursor = this.lastEventId !== ""
    const start: StartPoint = hasCursor ? { after: this.lastEventId } : this.#start
    let opening
    try {
      opening = hub.subscribe(this.options).open(start)
    } catch {
      return // draining: comes back later
    }
    if (!hasCursor) this.beginnings.push({ at: this.received.length, known, start })
    this.#text = ""
    this.#connection++
    const socket = new Socket(this.#world.chance.pick([0, 40, 200, 100_000]))
    this.#socket = socket
    opening.start(socket)
  }

  /** The connection breaks: whatever was not read is lost. */
  cut(): void {
    const socket = this.#socket
    if (!socket) return
    this.#socket = undefined
    const wasOver = socket.isOver
    socket.isOver = true
    if (!wasOver) this.#world.soon(() => socket.owner?.onClose())
  }

  /** Takes some of what has arrived. */
  read(limit = Infinity): void {
    const socket = this.#socket
    if (!socket) return
    this.#text += socket.buffer.slice(0, limit)
    socket.buffer = socket.buffer.slice(limit)
    for (;;) {
      const end = this.#text.indexOf("\n\n")
      if (end < 0) break
      const block = this.#text.slice(0, end)
      this.#text = this.#text.slice(end + 2)
      this.#take(block)
      if (this.hasEnded) return this.cut()
    }
    if (socket.buffer !== "") return
    if (socket.isOver) this.#socket = undefined
    else if (socket.isFull) {
      socket.isFull = false
      this.#world.soon(() => socket.isOver || socket.owner?.onDrain())
    }
  }

  #take(block: string): void {
    const fields = new Map<string, string>()
    for (const line of block.split("\n")) {
      const colon = line.indexOf(": ")
      if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 2))
    }
    const id = fields.get("id")
    const data = fields.get("data")
    this.#world.note(`${id ?? ""}=${data ?? ""}`)
    if (data === undefined) {
      if (id !== undefined && !this.#forgetful) this.lastEventId = id
      return
    }
    if (id !== undefined) this.lastEventId = id
    const event = fields.get("event")
    if (event === "stream.checkpoint") return
    if (event === "stream.gap") {
      const { reason, from, to } = JSON.parse(data) as Announced
      this.announced.push({ reason, from, to, after: this.received.length, connection: this.#connection })
    } else if (event === "stream.end") this.hasEnded = true
    else this.received.push({ id: id ?? "", data, connection: this.#connection })
  }
}
