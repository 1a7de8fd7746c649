/** After one of these a `/` begins a regular expression; after anything else it divides. */
const BEFORE_REGEXP = /(?:[(,=:[!&|?{};+\n>]|\b(?:return|of|in|case|typeof))\s*$/

const COMMENT = /\/\/.*|\/\*[\s\S]*?\*\//y
const QUOTED = /"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'/y
const REGEXP = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y
const TEMPLATE_PART = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*/y

/** The same lines with a mark in place of each character, so that no phrase is found across them. */
const blank = (code: string): string => code.replaceAll(/\S/g, "·")

const withoutSpans = (text: string): string => text.replaceAll(/`[^`\n]*`/g, blank)

/** A phrase may go on in the next line of a comment. */
const commentText = (comment: string): string =>
  withoutSpans(comment).replaceAll(/^\s*(?:\/\/|\/?\*)/gm, (mark) => mark.replaceAll(/\S/g, " "))

/** The comments and texts of TypeScript or JavaScript, on their lines; all else is blank. A string without a space is a name, and blank too. */
export function proseOfCode(source: string): string {
  const prose: string[] = []
  let at = 0
  const find = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    return pattern.exec(source)?.[0]
  }
  const take = (length: number, textOf = blank): void => {
    prose.push(textOf(source.slice(at, at + length)))
    at += length
  }
  const takeText = (text: string): void => take(text.length, (same) => (same.includes(" ") ? same : blank(same)))

  const takeTemplate = (): void => {
    take(1)
    while (at < source.length) {
      takeText(find(TEMPLATE_PART) ?? "")
      if (source[at] === "`") break
      take(2)
      takeCode("}")
    }
    take(1)
  }

  const takeCode = (end?: string): void => {
    for (let depth = 0; at < source.length;) {
      const char = source[at] ?? ""
      if (char === end && depth === 0) break
      const comment = find(COMMENT)
      const quoted = find(QUOTED)
      if (comment !== undefined) take(comment.length, commentText)
      else if (quoted !== undefined) takeText(quoted)
      else if (char === "`") takeTemplate()
      else if (char === "/" && BEFORE_REGEXP.test(source.slice(Math.max(0, at - 40), at)))
        take(find(REGEXP)?.length ?? 1)
      else {
        if (char === "{") depth += 1
        if (char === "}") depth -= 1
        take(1)
      }
    }
    if (end !== undefined) take(end.length)
  }

  takeCode()
  return prose.join("")
}

/** The title of a test, or of a row in a table of tests. */
const TITLE =
  /(?<=\b(?:test|it|describe)(?:\.\w+)*\(\s*|\b(?:name|title):\s*)(?:"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)/g

/** The titles of tests, on their lines; all else is blank. A title without a space is a name, and blank too. */
export function titlesOfTests(source: string): string {
  let at = 0
  let prose = ""
  for (const { 0: title, index } of source.matchAll(TITLE)) {
    prose += blank(source.slice(at, index)) + (title.includes(" ") ? titleText(title) : blank(title))
    at = index + title.length
  }
  return prose + blank(source.slice(at))
}

const titleText = (title: string): string => title.replaceAll(/\$\{[^}]*\}/g, blank).replaceAll(/\\?`/g, "·")

const LANGUAGES = /^(?:tsx?|m?js)$/

/** A Markdown page, on its lines, without code spans, link targets and code; of a code block its comments are left. */
export function proseOfPage(source: string): string {
  return source
    .split(/^(```\w*\n[\s\S]*?^```$)/gm)
    .map((part) => {
      const block = /^```(\w*)\n/.exec(part)
      if (!block) return withoutSpans(part).replaceAll(/\]\([^)]*\)/g, blank)
      if (LANGUAGES.test(block[1] ?? "")) return commentsOf(part)
      return part.replaceAll(/^.*$/gm, (line) => line.replace(/^(?:(?!(?<=^|\s)#\s).)*/, blank))
    })
    .join("")
}

/** Without strings, which in an example are data. */
const commentsOf = (block: string): string =>
  block.replaceAll(
    /^(.*?)((?<=^|\s)\/\/.*)?$/gm,
    (_, code: string, comment = "") => blank(code) + withoutSpans(comment),
  )
