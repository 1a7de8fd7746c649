/** Reads the pattern string of one URL component (WHATWG URL Pattern, section 2.1), as `URLPattern` itself writes it. */

/** A part of a component pattern: `prefix`, what it takes, `suffix`, and how often. */
export interface Part {
  readonly takes: "text" | "segment" | "any" | "regex"
  /** The text, or the source of the regular expression. */
  readonly value: string
  readonly prefix: string
  readonly suffix: string
  readonly modifier: "" | "?" | "+" | "*"
}

/** How wildcards behave in a component (section 2.1.1). */
export interface ComponentOptions {
  /** A `:name` does not take this character. "" for none. */
  readonly delimiter: string
  /** This character before a `:name` or a group belongs to it, so that a modifier applies to both. "" for none. */
  readonly prefix: string
}

const NAME = /:[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*/uy

/**
 * Parses a component pattern.
 * @throws RangeError for a text that `URLPattern` does not write
 */
export function parseComponent(pattern: string, { prefix: ownPrefix }: ComponentOptions): Part[] {
  const parts: Part[] = []
  let at = 0
  let pending = ""
  /** The last character of `pending`, if it was written without a backslash and outside of braces. */
  let plain = ""

  function flush(): void {
    if (pending !== "") parts.push({ takes: "text", value: pending, prefix: "", suffix: "", modifier: "" })
    pending = ""
    plain = ""
  }

  /** The next character of a literal; "" if something else is next. */
  function char(): string {
    const next = pattern[at] ?? ""
    if (next === "\\") {
      const escaped = String.fromCodePoint(pattern.codePointAt(at + 1) ?? fail())
      at += 1 + escaped.length
      return escaped
    }
    if ("*+?(){}".includes(next) || isName()) return ""
    const text = String.fromCodePoint(pattern.codePointAt(at) ?? fail())
    at += text.length
    return text
  }

  function text(): string {
    let all = ""
    for (let next = at < pattern.length ? char() : ""; next !== ""; next = at < pattern.length ? char() : "")
      all += next
    return all
  }

  function isName(): boolean {
    NAME.lastIndex = at
    return NAME.test(pattern)
  }

  /** What takes a variable text here, if there is something: `:name`, `:name(regex)`, `(regex)` or `*`. */
  function variable(): Pick<Part, "takes" | "value"> | undefined {
    const hasName = isName()
    if (hasName) at = NAME.lastIndex
    if (pattern[at] === "(") {
      const value = regex()
      return { takes: value === ".*" ? "any" : "regex", value }
    }
    if (hasName) return { takes: "segment", value: "" }
    if (pattern[at] !== "*") return undefined
    at++
    return { takes: "any", value: "" }
  }

  function regex(): string {
    const start = ++at
    for (let depth = 1; ; at++) {
      const next = pattern[at] ?? fail()
      if (next === "\\") at++
      else if (next === "(") depth++
      else if (next === ")" && --depth === 0) break
    }
    return pattern.slice(start, at++)
  }

  function modifier(): Part["modifier"] {
    const next = pattern[at]
    if (next !== "?" && next !== "+" && next !== "*") return ""
    at++
    return next
  }

  function fail(): never {
    throw new RangeError(`the pattern is malformed at character ${at + 1}`)
  }

  while (at < pattern.length) {
    const found = variable()
    if (found) {
      const hasPrefix = ownPrefix !== "" && plain === ownPrefix
      if (hasPrefix) pending = pending.slice(0, -ownPrefix.length)
      flush()
      parts.push({ ...found, prefix: hasPrefix ? ownPrefix : "", suffix: "", modifier: modifier() })
      continue
    }
    if (pattern[at] === "{") {
      at++
      const prefix = text()
      const inside = variable()
      const suffix = inside ? text() : ""
      if (pattern[at] !== "}") fail()
      at++
      const times = modifier()
      if (!inside && times === "") {
        pending += prefix
        plain = ""
      } else {
        flush()
        if (inside) parts.push({ ...inside, prefix, suffix, modifier: times })
        else if (prefix !== "") parts.push({ takes: "text", value: prefix, prefix: "", suffix: "", modifier: times })
      }
      continue
    }
    const isEscaped = pattern[at] === "\\"
    const next = char()
    if (next === "") fail()
    pending += next
    plain = isEscaped ? "" : next
  }
  flush()
  return parts
}
