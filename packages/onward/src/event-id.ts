import { byteLength } from "./bytes.ts"
import { CONTROL_CHARACTER } from "./control-characters.ts"

/** Maximum length of an event id, in UTF-8 bytes: a header of this size passes every server and proxy of docs/production.md. */
export const MAX_ID_BYTES = 4_096

/** The last event id of a stream that is over: a request with it is answered 204. */
export const END_ID = "stream.end"

/** As a last event id: begin with the oldest entry kept. */
export const EARLIEST_ID = "earliest"

/** True when Onward itself gives the id a meaning. Positions are the third such kind; only logs know how they are written. */
export const isControlWord = (id: string): boolean => id === EARLIEST_ID || id.startsWith("stream.")

/**
 * The reason why a client cannot send this id back unchanged: the end of a sentence, or undefined when it can. The id goes
 * out as a line of the stream and returns as a `Last-Event-ID` header or as a query parameter. In a header, HTTP forbids
 * control characters and drops white space at both ends (RFC 9110 section 5.5), and the text travels as UTF-8 bytes that
 * receivers read as Latin-1. Hubs, sources, MCP and clients use this one rule.
 */
export function idFaultOf(id: unknown, maxBytes: number = MAX_ID_BYTES): string | undefined {
  if (typeof id !== "string" || id === "") return "must be a non-empty string"
  // the length first: nothing else looks at an id of megabytes
  if (id.length > maxBytes || byteLength(id) > maxBytes) return `must be at most ${maxBytes} bytes long in UTF-8`
  if (CONTROL_CHARACTER.test(id)) return "cannot hold control characters, because HTTP headers cannot"
  if (id !== id.trim()) return "cannot begin or end with white space, which HTTP headers lose"
  if (!id.isWellFormed()) return "cannot hold half a surrogate pair, which UTF-8 cannot write"
  // clients that send headers as Latin-1, and runtimes that decode them, would turn it into another id
  if (idFromHeader(id) !== id)
    return "cannot be Latin-1 text that also reads as UTF-8, because headers do not tell the two apart"
  return undefined
}

/** An id as the value of a header: its UTF-8 bytes, each as one character (WHATWG HTML section 9.2.4, Fetch "isomorphic encode"). */
export function idToHeader(id: string): string {
  let header = ""
  for (const byte of new TextEncoder().encode(id)) header += String.fromCharCode(byte)
  return header
}

/**
 * A header value as the client meant it. Node and fetch read header bytes as Latin-1 (Fetch, "isomorphic decode"), while an
 * EventSource sends its last event id as UTF-8. Bytes that are not UTF-8 stay as they are.
 */
export function idFromHeader(value: string): string {
  if (!/[\u0080-\u00ff]/.test(value) || /[^\u0000-\u00ff]/.test(value)) return value // oxlint-disable-line no-control-regex -- the byte range
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      Uint8Array.from(value, (char) => char.charCodeAt(0)),
    )
  } catch {
    return value
  }
}

/** Names of events that an EventSource fires itself: its handlers would take a message for a lost, or a new, connection. */
export const isOfEventSource = (event: string): boolean => event === "error" || event === "open"
