import { readFileSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { isolatedDeclarationSync, parseSync } from "rolldown/experimental"

/** A node of a syntax tree, as far as it is looked at. */
export interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

/** An exported thing, where it is declared. */
export interface Origin {
  /** Absolute path of a source file, or the name of a package. */
  readonly file: string
  readonly name: string
}

/** A source file as its users see it: types without code. */
export interface Module {
  readonly file: string
  /** What `start` and `end` of the nodes refer to. Comments are blank. */
  readonly text: string
  /** Top-level declarations by name; a function with overloads has several. */
  readonly declared: ReadonlyMap<string, readonly Node[]>
  /** Imported names, and what they are called where they come from; `*` is the whole module. */
  readonly imported: ReadonlyMap<string, Origin>
  /** Exported names: to the local name, or to where they come from. */
  readonly exported: ReadonlyMap<string, { readonly local?: string; readonly from?: Origin; readonly isType: boolean }>
  /** Modules of `export * from`. */
  readonly stars: readonly string[]
}

const modules = new Map<string, Module>()

/** The declarations of a source file, as `isolatedDeclarations` has them. */
export function moduleOf(file: string): Module {
  const known = modules.get(file)
  if (known !== undefined) return known
  const { code, errors } = isolatedDeclarationSync(file, readFileSync(file, "utf8"))
  if (errors.length > 0) throw new Error(`${file} has no isolated declarations: ${errors[0]?.message}`)
  const { program, comments } = parseSync("module.d.ts", code, { lang: "dts" }) as unknown as {
    readonly program: { readonly body: readonly Node[] }
    readonly comments: readonly Node[]
  }
  let text = code
  for (const { start, end } of comments) text = text.slice(0, start) + " ".repeat(end - start) + text.slice(end)
  const module = { file, text, ...collect(file, program.body) }
  modules.set(file, module)
  return module
}

function collect(file: string, body: readonly Node[]): Omit<Module, "file" | "text"> {
  const declared = new Map<string, Node[]>()
  const imported = new Map<string, Origin>()
  const exported = new Map<string, { local?: string; from?: Origin; isType: boolean }>()
  const stars: string[] = []
  for (const node of body) {
    const source = (node["source"] as { readonly value: string } | null | undefined)?.value
    const from = source?.startsWith(".") ? resolve(dirname(file), source) : source
    const specifiers = (node["specifiers"] ?? []) as readonly Node[]
    if (node.type === "ImportDeclaration" && from !== undefined) {
      for (const each of specifiers) imported.set(nameOf(each["local"]), { file: from, name: nameOf(each["imported"]) })
    } else if (node.type === "ExportAllDeclaration" && from !== undefined) {
      stars.push(from)
    } else if (node.type === "ExportNamedDeclaration" && node["declaration"] == null) {
      for (const each of specifiers) {
        const local = nameOf(each["local"])
        const isType = node["exportKind"] === "type" || each["exportKind"] === "type"
        const target = from === undefined ? { local } : { from: { file: from, name: local } }
        exported.set(nameOf(each["exported"]), { ...target, isType })
      }
    } else {
      const declaration = (node["declaration"] ?? node) as Node
      for (const name of namesDeclaredBy(declaration)) {
        declared.set(name, [...(declared.get(name) ?? []), declaration])
        if (declaration !== node) exported.set(name, { local: name, isType: false })
      }
    }
  }
  return { declared, imported, exported, stars }
}

/** Of an identifier; `*` for a whole module, which has none. */
const nameOf = (node: unknown): string => (node as { readonly name?: string } | undefined)?.name ?? "*"

function namesDeclaredBy(node: Node): string[] {
  const declarations = (node["declarations"] as readonly Node[] | undefined) ?? [node]
  return declarations.flatMap(({ id }) => (id == null ? [] : [nameOf(id)]))
}

/** Everything that an entry exports, by name, with the place of its declaration. */
export function exportsOf(file: string): Map<string, Origin & { readonly isType: boolean }> {
  const { exported, stars } = moduleOf(file)
  const found = new Map<string, Origin & { readonly isType: boolean }>()
  for (const star of stars) for (const [name, origin] of exportsOf(star)) found.set(name, origin)
  for (const [name, { local, from, isType }] of exported) {
    const origin = from ? originOf(from) : referenceIn(moduleOf(file), local ?? name)
    if (origin === undefined) throw new Error(`${file} exports ${name}, which it does not declare.`)
    found.set(name, { ...origin, isType })
  }
  return found
}

/** Follows re-exports to the declaration. */
function originOf({ file, name }: Origin): Origin {
  if (!file.startsWith("/") || name === "*") return { file, name }
  const found = exportsOf(file).get(name)
  if (found === undefined) throw new Error(`${file} has no export ${name}.`)
  return { file: found.file, name: found.name }
}

/** What a name means at the top level of a module; undefined for a global name. */
export function referenceIn(module: Module, name: string): Origin | undefined {
  const imported = module.imported.get(name)
  if (imported !== undefined) return originOf(imported)
  return module.declared.has(name) ? { file: module.file, name } : undefined
}

/** The types and values that a declaration names, without its own type parameters; `import("…")` types as origins. */
export function namesIn(node: Node): { readonly names: Set<string>; readonly imports: Origin[] } {
  const names = new Set<string>()
  const own = new Set<string>()
  const imports: Origin[] = []
  const leftmost = (name: Node): string =>
    name.type === "TSQualifiedName" ? leftmost(name["left"] as Node) : nameOf(name)
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const each of value) visit(each)
      return
    }
    if (typeof value !== "object" || value === null) return
    const each = value as Node
    if (each.type === "TSTypeParameter") own.add(nameOf(each["name"]))
    if (each.type === "TSMappedType") own.add(nameOf(each["key"]))
    if (each.type === "TSTypeReference") names.add(leftmost(each["typeName"] as Node))
    if (each.type === "TSTypeQuery") names.add(leftmost(each["exprName"] as Node))
    if (each.type === "TSInterfaceHeritage" || each.type === "TSClassImplements")
      names.add(leftmost(each["expression"] as Node))
    if (each.type === "ClassDeclaration" && each["superClass"] != null) names.add(leftmost(each["superClass"] as Node))
    if (each.type === "TSImportType") {
      imports.push({ file: (each["source"] as { value: string }).value, name: nameOf(each["qualifier"]) })
    }
    for (const [field, child] of Object.entries(each)) if (field !== "type") visit(child)
  }
  visit(node)
  for (const name of own) names.delete(name)
  return { names, imports }
}
