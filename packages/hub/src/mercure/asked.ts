import type { IncomingMessage } from "node:http"
import { setImmediate as nextTurn } from "node:timers/promises"
import { HttpError } from "../http-error.ts"
import { isReservedParameter, MATCH_PARAMETERS, type Dialect } from "./dialect.ts"
import { compileSelector, type MatchType, type Selector } from "./selectors/selector.ts"
import { isInvisible } from "./text.ts"

/** Names and values of a request: those of its query, then for QUERY those of its body. */
export type Parameters = readonly (readonly [name: string, value: string])[]

/** Most selectors of a stream. Presence in a browser asks for up to 200. */
const MAX_SELECTORS = 1_000
/** Longest selector, in bytes. */
const MAX_BYTES = 4_096
/** Selectors compiled in one turn of the event loop. */
const COMPILED_A_TURN = 50

const bad = (message: string): HttpError => new HttpError(400, "invalid_selector", message)

/** Reads the selectors of a request to subscribe. Rejects with `HttpError` 400. */
export async function selectorsOf(parameters: Parameters, dialect: Dialect, base: string): Promise<Selector[]> {
  const asked: [type: MatchType, value: string][] = []
  for (const [name, value] of parameters) {
    const type = Object.hasOwn(MATCH_PARAMETERS, name) ? MATCH_PARAMETERS[name] : undefined
    if (name === "topic") asked.push(["topic", value])
    else if (dialect === 1 && type !== undefined) asked.push([type, value])
    else if (dialect === 1 && isReservedParameter(name)) {
      throw bad(`Unknown parameter "${name.slice(0, 64)}". Use match, match_exact or match_urlpattern.`)
    }
  }
  if (asked.length === 0) {
    throw bad(dialect === 0 ? 'Missing "topic" parameter.' : 'Missing "match" parameter. Name at least one topic.')
  }
  if (asked.length > MAX_SELECTORS)
    throw bad(`The request has ${asked.length} selectors, and can have ${MAX_SELECTORS}.`)
  const selectors = new Map<string, Selector>()
  for (const [i, [type, value]] of asked.entries()) {
    // a pattern takes some 30 µs
    if (i % COMPILED_A_TURN === COMPILED_A_TURN - 1) await nextTurn()
    selectors.set(`${type} ${value}`, compile(type, value, base))
  }
  return [...selectors.values()]
}

function compile(type: MatchType, value: string, base: string): Selector {
  if (value === "" || Buffer.byteLength(value) > MAX_BYTES) throw bad(`A selector has 1 to ${MAX_BYTES} bytes.`)
  if (isInvisible(value)) throw bad("A selector cannot hold control or format characters.")
  try {
    return compileSelector(type, value, base)
  } catch (error) {
    if (error instanceof RangeError) throw bad(`A URL pattern is invalid: ${error.message}.`)
    throw error
  }
}

/** Names of the parameter with the last event id, in the order in which they count. Front ends use all of them. */
const CURSORS: Readonly<Record<Dialect, readonly string[]>> = {
  0: ["lastEventID", "Last-Event-ID", "last_event_id", "lastEventId"],
  1: ["last_event_id", "lastEventID", "Last-Event-ID", "lastEventId"],
}

/** The last event id of a request, from its header or else its parameters; undefined if it has none. */
export function cursorOf({ headers }: IncomingMessage, parameters: Parameters, dialect: Dialect): string | undefined {
  const header = headers["last-event-id"]
  if (header !== undefined) return fromLatin1(String(header))
  for (const name of CURSORS[dialect]) {
    const found = parameters.find(([given]) => given === name)
    if (found) return found[1]
  }
  return undefined
}

/** Decodes text that Node read as Latin-1: clients send UTF-8 (HTML section 9.2.4). Other bytes stay as they are. */
export function fromLatin1(text: string): string {
  if (!/[\u0080-\u00ff]/.test(text)) return text
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(text, "latin1"))
  } catch {
    return text
  }
}

/** Text as the value of a header: its UTF-8 bytes. */
export const toLatin1 = (text: string): string => Buffer.from(text).toString("latin1")
