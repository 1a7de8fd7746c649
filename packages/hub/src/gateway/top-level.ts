/** The outermost members of a JSON object, read from its bytes as they arrive, without parsing the rest. */
export interface TopLevel {
  /** Reads the next bytes. */
  push(bytes: Uint8Array): void
  /** Returns all values of a member, in order. A value that is too long is undefined. */
  valuesOf(name: string): readonly unknown[]
}

/** Maximum size of a name and of a value, in bytes. A name can have each character escaped. */
const MAX_NAME = 256
const MAX_VALUE = 2_048

const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * Creates a reader that finds members of the outermost object. It takes at most one step per byte, and memory for the members only. Text that is
 * not a JSON object has no members. It returns all values of a repeated name, because parsers differ in which one they use.
 */
export function createTopLevel(names: readonly string[]): TopLevel {
  const found = new Map<string, unknown[]>()
  let depth = 0
  let isInString = false
  let isEscaped = false
  /** What the next token of the outermost object is. */
  let expects: "object" | "name" | "colon" | "value" | "nothing" = "object"
  let name: string | undefined
  /** The bytes of the current token, if they are needed. */
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
      // a byte order mark, or white space
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
      /** The positions of the next quote and backslash. */
      let quote = -1
      let backslash = -1
      for (let at = 0; at < bytes.length && expects !== "nothing"; at++) {
        if (!isInString) {
          start(bytes[at] as number)
          continue
        }
        if (token === undefined && !isEscaped) {
          // most bytes of a large body are in strings that are not needed
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
