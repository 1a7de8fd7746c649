import { HttpError } from "./http-error.ts"

/** Maximum depth of arrays and objects. */
const MAX_DEPTH = 64
/** Maximum number of values in one text. */
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

/** Parses a client's JSON of limited depth and size. A `__proto__` becomes a normal property. Throws `HttpError` 400. */
export function parseJson(text: string): unknown {
  const reader = new JsonReader(text)
  reader.skip()
  reader.end()
  if (reader.values > MAX_VALUES) throw invalid(`The JSON has more than ${MAX_VALUES} values. Send fewer.`)
  return JSON.parse(text)
}

/**
 * Reads JSON (RFC 8259) without creating objects, so that its parts can be counted, refused or copied as text. Throws `HttpError` 400 for text
 * that `JSON.parse` refuses, and for text that is nested too deeply. `at` is the current position.
 */
export class JsonReader {
  readonly text: string
  at = 0
  /** Number of values read so far. */
  values = 0

  constructor(text: string) {
    this.text = text
  }

  /** Returns the next character that is not white space. */
  peek(): "{" | "[" | "other" {
    const code = this.#next()
    return code === OPEN_OBJECT ? "{" : code === OPEN_ARRAY ? "[" : "other"
  }

  /** Reads the array that starts here. `onElement` must read each element. */
  elements(onElement: () => void): void {
    this.values++
    this.at++
    if (this.#next() !== CLOSE_ARRAY) {
      do onElement()
      while (this.#isAnother(CLOSE_ARRAY))
    } else this.at++
  }

  /** Reads the object that starts here. `onMember` gets the range of each name, and must read the value. */
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

  /** Skips a value of any type. Returns its start. */
  skip(): number {
    this.#next()
    const from = this.at
    /** The closing bracket of each open array and object. */
    const open: number[] = []
    for (;;) {
      this.values++
      const code = this.#next()
      if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
        const close = code === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY
        if (open.length === MAX_DEPTH)
          throw invalid(`The JSON is nested more than ${MAX_DEPTH} levels deep. Send it flatter.`)
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

  /** Throws if there is text after the value. */
  end(): void {
    this.#next()
    if (this.at < this.text.length) throw this.#unexpected()
  }

  /** The position after the closing quote of the last name. */
  #nameEnd = 0

  /** Reads a name and its colon. */
  #name(): void {
    if (this.#next() !== QUOTE) throw this.#unexpected()
    this.#string()
    this.#nameEnd = this.at
    if (this.#next() !== COLON) throw this.#unexpected()
    this.at++
  }

  /** Reads a comma, or the closing bracket. */
  #isAnother(close: number): boolean {
    const code = this.#next()
    if (code !== COMMA && code !== close) throw this.#unexpected()
    this.at++
    return code === COMMA
  }

  /** Skips white space. Returns the code of the next character, NaN at the end. */
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

  /** Reads an escape up to its last character. */
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
    const what = this.at < this.text.length ? "unexpected text" : "an unexpected end"
    return invalid(`The body is not valid JSON: ${what} at character ${this.at + 1}. Correct it, and send it again.`)
  }
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

const isHex = (code: number): boolean =>
  isDigit(code) || (code >= 0x61 && code <= 0x66) || (code >= 0x41 && code <= 0x46)

/** Removes the white space between the tokens of valid JSON. Numbers and escapes stay unchanged. */
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
