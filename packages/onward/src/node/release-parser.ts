import type { IncomingMessage, ServerResponse } from "node:http"
import { Server, type Socket } from "node:net"

/** What Node's server adds to a socket. None of it is documented, so each part is looked for before it is used. */
type ServerSocket = Socket & { parser?: unknown; readonly _paused?: boolean }

interface Parser {
  incoming: unknown
  socket: unknown
  onIncoming: unknown
  unconsume(): void
  remove(): void
  close(): void
}

/** Where a parser keeps its callbacks: `parser[0]` and so on. */
const CALLBACKS = 8

/** A server of HTTP/2 that also accepts HTTP/1.1 has no `closeAllConnections`. */
interface StreamServer extends Server {
  readonly httpAllowHalfOpen?: boolean
  closeAllConnections?(): void
}

/**
 * Frees the parser of a request once the request is complete: 6 KiB for each open stream. A stream is the last response of its connection
 * (`connection: close`), so what its client sends later must not be processed (RFC 9112 section 9.6).
 * The request, the response and their events stay as they are. The parser is kept where Node's server has another shape than expected.
 */
export function releaseParser(req: IncomingMessage, res: ServerResponse): void {
  // the parser is still running when a handler is called
  if (started.push(req, res) === 2) setImmediate(releaseStarted)
}

/** Requests and responses of this turn of the event loop, in turn. */
let started: (IncomingMessage | ServerResponse)[] = []

function releaseStarted(): void {
  const all = started
  started = []
  for (let i = 0; i < all.length; i += 2) release(all[i] as IncomingMessage, all[i + 1] as ServerResponse)
}

function release(req: IncomingMessage, res: ServerResponse): void {
  const socket: ServerSocket | null = res.socket
  if (!socket || socket.destroyed || socket._paused || !req.complete || res.writableEnded) return
  const { parser } = socket
  // another request may follow on the connection, and a program may read the socket itself
  if (!isParser(parser) || parser.incoming !== req || socket.listenerCount("data") !== 1) return
  if (!keepClosable(socket)) return
  const [onData] = socket.listeners("data")
  close(parser)
  socket.parser = null
  // the listener would pass the bytes to the parser; an emitter that has never been without a listener takes less memory
  socket.on("data", discard)
  socket.removeListener("data", onData as () => void)
  const onEnd = socket.listeners("end").find(isOfServer)
  // with this option of the server, a response goes on when its client has nothing more to say
  if (!onEnd || (serverOf(socket) as StreamServer).httpAllowHalfOpen) return
  // in this order, because a list of listeners that has held three takes more memory than one of two
  socket.removeListener("end", onEnd)
  socket.on("end", endLater)
}

const isOfServer = ({ name }: { readonly name: string }): boolean => name === "bound socketOnEnd"

/** Frees a parser, and what it refers to: listeners of the socket keep the object itself. */
function close(parser: Parser & Record<number, unknown>): void {
  parser.unconsume()
  parser.remove()
  parser.close()
  parser.incoming = parser.socket = parser.onIncoming = null
  // from the last, so that the list shrinks
  for (let at = CALLBACKS - 1; at >= 0; at--) delete parser[at]
}

/** How many sockets are ended in one turn of the event loop. It is a number, because most of the work follows in the next turn. */
const ENDED_A_TURN = 64
const ending: Socket[] = []

/** Does what Node does when a client disconnects. Thousands can disconnect in one turn of the event loop, which would be a long one. */
function endLater(this: Socket): void {
  if (ending.push(this) === 1) setImmediate(endSome)
}

function endSome(): void {
  for (const socket of ending.splice(0, ENDED_A_TURN)) socket.end()
  if (ending.length > 0) setImmediate(endSome)
}

const discard = (): void => {}

function isParser(value: unknown): value is Parser & Record<number, unknown> {
  if (typeof value !== "object" || value === null) return false
  const { unconsume, remove, close } = value as Partial<Parser>
  return typeof unconsume === "function" && typeof remove === "function" && typeof close === "function"
}

/** The open sockets without a parser, by their server. */
const released = new WeakMap<StreamServer, Set<Socket>>()

/** `closeAllConnections` finds connections by their parsers, so from now on it closes this one too. False if that cannot be done. */
function keepClosable(socket: Socket): boolean {
  const server = serverOf(socket)
  if (!(server instanceof Server)) return false
  let sockets = released.get(server)
  if (!sockets) {
    released.set(server, (sockets = new Set()))
    extendCloseAll(server, sockets)
  }
  sockets.add(socket)
  return true
}

/**
 * To be called when a response of {@link releaseParser} has closed. Its socket can be open a little longer. A listener of each socket for
 * this takes 300 bytes.
 */
export function forgetSocket(socket: Socket): void {
  if (!released.get(serverOf(socket) as StreamServer)?.has(socket)) return
  if (socket.closed) forget.call(socket)
  else socket.once("close", forget)
}

function extendCloseAll(server: StreamServer, sockets: ReadonlySet<Socket>): void {
  const closeAll = server.closeAllConnections?.bind(server)
  if (!closeAll) return
  server.closeAllConnections = () => {
    closeAll()
    for (const socket of sockets) socket.destroy()
  }
}

function forget(this: Socket): void {
  released.get(serverOf(this) as StreamServer)?.delete(this)
}

const serverOf = (socket: { readonly server?: unknown }): unknown => socket.server
