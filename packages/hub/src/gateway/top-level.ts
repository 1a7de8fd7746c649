/** What stands at the top of a JSON object, read from its bytes as they come, without parsing the rest. */
export interface TopLevel {
  /** Takes the next bytes. */
  push(bytes: Uint8Array): void
  /** All values a member has been given, in order; what is too long to keep is undefined. */
  valuesOf(name: string): readonly unknown[]
}

/** Longest name and longest value that are kept, in bytes: names may have each character escaped. */
const MAX_NAME = 256
const MAX_VALUE = 2_048

const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * Finds members of the outermost object. Work is one step a byte and less within strings, memory is that of the members; text that is no
 * JSON object has none. A name may be given twice: which one counts differs between parsers, so all are told.
 */
export function createTopLevel(names: readonly string[]): TopLevel {
  const found = new Map<string, unknown[]>()
  let depth = 0
  let isInString = false
  let isEscaped = false
  /** What the next token at the top is. */
  let expects: "object" | "name" | "colon" | "value" | "nothing" = "object"
  let name: string | undefined
  /** The token that is being kept. */
  let token: number[] | undefined
  let limit = MAX_NAME

  function keep(byte: number): void {
    if (token && token.push(byte) > limit) token = undefined
  }

  function endName(): void {
    const text = token === undefined ? undefined : parsed(token)
    name = typeof text === "string" && names.includes(text) ? text : undefined
    token = undefined
    expects = "colon"
  }

  function endValue(): void {
    if (name !== undefined) {
      const values = found.get(name) ?? []
      values.push(token && parsed(token))
      found.set(name, values)
    }
    name = token = undefined
  }

  function start(byte: number): void {
    if (expects === "object") {
      // a byte order mark, or space
      if (isSpace(byte) || byte === 0xef || byte === 0xbb || byte === 0xbf) return
      expects = byte === 0x7b ? "name" : "nothing"
      depth = 1
      return
    }
    if (byte === QUOTE) {
      isInString = true
      if (depth === 1 && expects === "name") {
        token = []
        limit = MAX_NAME
      }
      return keep(byte)
    }
    if (byte === 0x7b || byte === 0x5b) {
      depth++
      return keep(byte)
    }
    if (byte === 0x7d || byte === 0x5d) {
      if (--depth > 0) return keep(byte)
      endValue()
      expects = "nothing"
      return
    }
    if (depth !== 1) return keep(byte)
    if (byte === 0x3a && expects === "colon") {
      expects = "value"
      token = name === undefined ? undefined : []
      limit = MAX_VALUE
      return
    }
    if (byte === 0x2c) {
      endValue()
      expects = "name"
      return
    }
    keep(byte)
  }

  return {
    valuesOf: (of) => found.get(of) ?? [],
    push(bytes) {
      /** The next quote and backslash from here on, looked up again only once they are passed. */
      let quote = -1
      let backslash = -1
      for (let at = 0; at < bytes.length && expects !== "nothing"; at++) {
        if (!isInString) {
          start(bytes[at] as number)
          continue
        }
        if (token === undefined && !isEscaped) {
          // most of a large body is within strings that are of no interest
          if (quote < at) quote = indexOf(bytes, QUOTE, at)
          if (backslash < at) backslash = indexOf(bytes, BACKSLASH, at)
          at = Math.min(quote, backslash)
          if (at === bytes.length) return
        }
        const byte = bytes[at] as number
        keep(byte)
        if (isEscaped) isEscaped = false
        else if (byte === BACKSLASH) isEscaped = true
        else if (byte === QUOTE) {
          isInString = false
          if (depth === 1 && expects === "name") endName()
        }
      }
    },
  }
}

const isSpace = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)

function indexOf(bytes: Uint8Array, byte: number, from: number): number {
  const at = bytes.indexOf(byte, from)
  return at < 0 ? bytes.length : at
}

function parsed(token: readonly number[]): unknown {
  try {
    return JSON.parse(Buffer.from(token).toString("utf8")) as unknown
  } catch {
    return undefined
  }
}
