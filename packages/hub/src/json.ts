import { HttpError } from "./http-error.ts"

/** Deepest nesting of arrays and objects. */
const MAX_DEPTH = 64
/** Most values that one text is built of. */
const MAX_VALUES = 10_000

const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const MINUS = 0x2d
const LOWER_U = 0x75

/** Parses JSON from outside, of bounded depth and size. A `__proto__` becomes a property like any other. Throws `HttpError` 400. */
export function parseJson(text: string): unknown {
  const reader = new JsonReader(text)
  reader.skip()
  reader.end()
  if (reader.values > MAX_VALUES) throw invalid(`JSON may hold ${MAX_VALUES} values here. Send fewer.`)
  return JSON.parse(text)
}

/**
 * Goes through JSON (RFC 8259) without building anything of it, so that what it holds can be counted, refused or cut out first. Throws
 * `HttpError` 400 for what `JSON.parse` would refuse, and for what is nested too deep. Its place is `at`.
 */
export class JsonReader {
  readonly text: string
  at = 0
  /** How many values it has gone past. */
  values = 0

  constructor(text: string) {
    this.text = text
  }

  /** The next character that is not white space. */
  peek(): "{" | "[" | "other" {
    const code = this.#next()
    return code === OPEN_OBJECT ? "{" : code === OPEN_ARRAY ? "[" : "other"
  }

  /** Goes past the array that begins here; `onElement` goes past each of its elements. */
  elements(onElement: () => void): void {
    this.values++
    this.at++
    if (this.#next() !== CLOSE_ARRAY) {
      do onElement()
      while (this.#isAnother(CLOSE_ARRAY))
    } else this.at++
  }

  /** Goes past the object that begins here; `onMember` goes past each value, and is told where its name lies. */
  members(onMember: (nameFrom: number, nameTo: number) => void): void {
    this.values++
    this.at++
    if (this.#next() !== CLOSE_OBJECT) {
      do {
        this.#next()
        const from = this.at
        this.#name()
        onMember(from, this.#nameEnd)
      } while (this.#isAnother(CLOSE_OBJECT))
    } else this.at++
  }

  /** Skips a value of any type; returns where it began. */
  skip(): number {
    this.#next()
    const from = this.at
    /** The closing bracket of each array and object that is open. */
    const open: number[] = []
    for (;;) {
      this.values++
      const code = this.#next()
      if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
        const close = code === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY
        if (open.length === MAX_DEPTH) throw invalid(`JSON may be nested ${MAX_DEPTH} levels deep. Send it flatter.`)
        this.at++
        if (this.#next() !== close) {
          open.push(close)
          if (close === CLOSE_OBJECT) this.#name()
          continue
        }
        this.at++
      } else if (code === QUOTE) this.#string()
      else if (code === MINUS || isDigit(code)) this.#number()
      else this.#word()
      for (;;) {
        const close = open.at(-1)
        if (close === undefined) return from
        if (this.#isAnother(close)) {
          if (close === CLOSE_OBJECT) this.#name()
          break
        }
        open.pop()
      }
    }
  }

  /** Refuses what comes after the value. */
  end(): void {
    this.#next()
    if (this.at < this.text.length) throw this.#unexpected()
  }

  /** Where the last name ended, its closing quote included. */
  #nameEnd = 0

  /** Goes past a name and its colon. */
  #name(): void {
    if (this.#next() !== QUOTE) throw this.#unexpected()
    this.#string()
    this.#nameEnd = this.at
    if (this.#next() !== COLON) throw this.#unexpected()
    this.at++
  }

  /** Goes past a comma, or past the bracket that closes. */
  #isAnother(close: number): boolean {
    const code = this.#next()
    if (code !== COMMA && code !== close) throw this.#unexpected()
    this.at++
    return code === COMMA
  }

  /** Goes past white space; returns the code of what comes then, NaN at the end. */
  #next(): number {
    for (;;) {
      const code = this.text.charCodeAt(this.at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code
      this.at++
    }
  }

  #string(): void {
    const { text } = this
    for (this.at++; ; this.at++) {
      const code = text.charCodeAt(this.at)
      if (code === QUOTE) break
      if (code === BACKSLASH) this.#escape()
      else if (!(code >= 0x20)) throw this.#unexpected()
    }
    this.at++
  }

  /** Ends at the last character of an escape. */
  #escape(): void {
    const code = this.text.charCodeAt(++this.at)
    if (code === LOWER_U) {
      for (let i = 0; i < 4; i++) if (!isHex(this.text.charCodeAt(++this.at))) throw this.#unexpected()
    } else if (!'"\\/bfnrt'.includes(this.text.charAt(this.at)) || this.at >= this.text.length) throw this.#unexpected()
  }

  #number(): void {
    const { text } = this
    if (text.charCodeAt(this.at) === MINUS) this.at++
    if (text.charAt(this.at) === "0") this.at++
    else this.#digits()
    if (text.charAt(this.at) === ".") {
      this.at++
      this.#digits()
    }
    const exponent = text.charAt(this.at)
    if (exponent !== "e" && exponent !== "E") return
    this.at++
    const sign = text.charAt(this.at)
    if (sign === "+" || sign === "-") this.at++
    this.#digits()
  }

  #digits(): void {
    if (!isDigit(this.text.charCodeAt(this.at))) throw this.#unexpected()
    while (isDigit(this.text.charCodeAt(this.at))) this.at++
  }

  #word(): void {
    const word = ["true", "false", "null"].find((each) => this.text.startsWith(each, this.at))
    if (word === undefined) throw this.#unexpected()
    this.at += word.length
  }

  #unexpected(): HttpError {
    const what = this.at < this.text.length ? "something unexpected" : "an unexpected end"
    return invalid(`This is not JSON: there is ${what} at character ${this.at + 1}. Correct it, and send it again.`)
  }
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

const isHex = (code: number): boolean =>
  isDigit(code) || (code >= 0x61 && code <= 0x66) || (code >= 0x41 && code <= 0x46)

/** Valid JSON without the white space between its parts; numbers and escapes stay as they were written. */
export function compact(json: string): string {
  if (!/[ \n\r\t]/.test(json)) return json
  const bytes = Buffer.from(json)
  let length = 0
  let isString = false
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number
    if (!isString && (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09)) continue
    bytes[length++] = byte
    if (byte === QUOTE) isString = !isString
    else if (isString && byte === BACKSLASH) bytes[length++] = bytes[++i] as number
  }
  return bytes.toString("utf8", 0, length)
}

const invalid = (message: string): HttpError => new HttpError(400, "invalid_body", message)
