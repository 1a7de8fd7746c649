import { readFileSync } from "node:fs"
import { parseAst } from "rolldown/parseAst"

/** A property or method of an interface, described by its source and its doc comment. */
export interface Member {
  readonly name: string
  /** Its type as written; of a method the whole signature. */
  readonly type: string
  readonly isOptional: boolean
  /** The doc comment without its tags, on one line. */
  readonly text: string
  /** What `@default` says. */
  readonly byDefault: string | undefined
}

/** The parts of the syntax tree that are looked at. */
interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly id?: { readonly name: string }
  readonly declaration?: Node | null
  readonly body?: { readonly body: readonly Node[] }
  readonly key?: Node & { readonly name?: string }
  readonly optional?: boolean
  readonly typeAnnotation?: Node | null
}

/** The members of an exported interface, in the order of the source. */
export function membersOf(file: string, name: string): Member[] {
  const code = readFileSync(file, "utf8")
  const { body } = parseAst(code, { lang: "ts" }) as unknown as { readonly body: readonly Node[] }
  const found = body
    .map((node) => node.declaration ?? node)
    .find((node) => node.type === "TSInterfaceDeclaration" && node.id?.name === name)
  if (!found?.body) throw new Error(`${file} has no interface ${name}`)
  const members = found.body.body
  return members.flatMap((node, i) => {
    const { key } = node
    // computed names, such as [Symbol.asyncDispose], are for the language
    if (key?.name === undefined) return []
    const before = code.slice(members[i - 1]?.end ?? found.body?.body[0]?.start ?? 0, node.start)
    const comment = i === 0 ? lastComment(code.slice(found.start, node.start)) : lastComment(before)
    return [{ name: key.name, ...typeOf(code, node), isOptional: node.optional === true, ...tell(comment) }]
  })
}

function typeOf(code: string, node: Node): { readonly type: string } {
  const type =
    node.type === "TSPropertySignature" && node.typeAnnotation
      ? code.slice(node.typeAnnotation.start, node.typeAnnotation.end).replace(/^:\s*/, "")
      : code.slice(node.start, node.end)
  // a union over several lines begins with a bar
  return {
    type: type.replaceAll(/\s+/g, " ").replace(/^\| /, "").replace(/[;,]$/, ""),
  }
}

const lastComment = (text: string): string => /\/\*\*((?:(?!\*\/)[^])*)\*\/\s*$/.exec(text)?.[1] ?? ""

function tell(comment: string): Pick<Member, "text" | "byDefault"> {
  const lines = comment
    .replaceAll(/^\s*\*? ?/gm, "")
    .replaceAll(/\s+/g, " ")
    .trim()
  const [text = "", ...tags] = lines.split(/(?=@(?:default|throws|param|example)\b)/)
  const byDefault = tags.find((tag) => tag.startsWith("@default"))?.slice("@default".length)
  return { text: text.replaceAll(/\{@link ([^}]*)\}/g, "`$1`").trim(), byDefault: byDefault?.trim() }
}
