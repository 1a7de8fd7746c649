/** The character between path segments. */
export const SLASH = 0x2f

/**
 * A text to be found in others, without ever going back (Knuth, Morris and Pratt, 1977): `indexOf` may compare each character of the one
 * with each of the other. Reads texts by `charCodeAt` only, so that a test can count the steps.
 */
export class Literal {
  readonly #text: string
  /** For each length of a partial fit, the longest shorter one that ends at the same place. */
  readonly #shorter: Uint16Array

  constructor(text: string) {
    this.#text = text
    this.#shorter = new Uint16Array(text.length + 1)
    for (let i = 1, fitting = 0; i < text.length; i++) {
      fitting = this.#advance(fitting, text.charCodeAt(i))
      this.#shorter[i + 1] = fitting
    }
  }

  get length(): number {
    return this.#text.length
  }

  isAt(topic: string, at: number): boolean {
    const text = this.#text
    if (at + text.length > topic.length) return false
    for (let i = 0; i < text.length; i++) if (topic.charCodeAt(at + i) !== text.charCodeAt(i)) return false
    return true
  }

  /** Calls `onEnd` with the end of each place it is at, in order, until that returns true. */
  find(topic: string, from: number, onEnd: (end: number) => boolean): void {
    const { length } = this.#text
    for (let i = from, fitting = 0; i < topic.length; i++) {
      fitting = this.#advance(fitting, topic.charCodeAt(i))
      if (fitting === length && onEnd(i + 1)) return
    }
  }

  #advance(fitting: number, code: number): number {
    const text = this.#text
    while (fitting > 0 && (fitting === text.length || text.charCodeAt(fitting) !== code)) {
      fitting = this.#shorter[fitting] as number
    }
    return text.charCodeAt(fitting) === code ? fitting + 1 : 0
  }
}

/** Where the path segment that `at` lies in ends. */
export function segmentEnd(topic: string, at: number): number {
  while (at < topic.length && topic.charCodeAt(at) !== SLASH) at++
  return at
}

/**
 * Where the first fit of literals ends that starts at `from` or later, with one whole path segment between each two; -1 when there is no fit.
 * All but the first literal begin with a slash, all but the last end with one.
 */
export function findApart(literals: readonly Literal[], topic: string, from: number): number {
  const [first, ...others] = literals
  if (!first) return from
  const places = others.map((literal) => ({ length: literal.length, starts: startsOf(literal, topic, from) }))
  const slashes = others.length > 0 ? nextSlashes(topic, from) : undefined
  let found = -1
  first.find(topic, from, (end) => {
    let at = end
    for (const { length, starts } of places) {
      const slash = slashes?.[at - from] ?? topic.length
      if (slash === at || starts[slash - from] !== 1) return false
      at = slash + length
    }
    found = at
    return true
  })
  return found
}

/** 1 for each place, counted from `from`, where the literal is. */
function startsOf(literal: Literal, topic: string, from: number): Uint8Array {
  const starts = new Uint8Array(topic.length - from + 1)
  literal.find(topic, from, (end) => {
    starts[end - literal.length - from] = 1
    return false
  })
  return starts
}

/** For each place, counted from `from`, that of the first slash there or later. */
function nextSlashes(topic: string, from: number): Uint32Array {
  const slashes = new Uint32Array(topic.length - from + 1)
  let slash = topic.length
  for (let at = topic.length; at >= from; at--) {
    if (topic.charCodeAt(at) === SLASH) slash = at
    slashes[at - from] = slash
  }
  return slashes
}
