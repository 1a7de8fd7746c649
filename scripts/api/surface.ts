import { readFileSync } from "node:fs"
import { join, relative, resolve } from "node:path"
import { exportsOf, moduleOf, namesIn, referenceIn, type Module, type Node, type Origin } from "./modules.ts"

/** A public name of an entry, with its signature. */
export interface Exported {
  readonly name: string
  /** Whether only its type is exported. */
  readonly isType: boolean
  readonly signature: string
}

/** One import path of the package. */
export interface Entry {
  readonly name: string
  readonly exports: readonly Exported[]
}

/** A type that a public signature names and that no entry exports. */
export interface Forgotten {
  readonly type: string
  /** Source file of its declaration, relative to the package. */
  readonly file: string
  /** Public names whose signatures name it. */
  readonly usedBy: readonly string[]
}

type Target = string | { readonly [condition: string]: Target }

/** The source files of each entry in package.json: one, or one for each platform that has its own. */
function sourcesOf(packageFolder: string): Map<string, string[]> {
  const manifest = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8")) as {
    readonly name: string
    readonly exports: Readonly<Record<string, Target>>
  }
  const files = (target: Target): string[] =>
    typeof target === "string" ? [resolve(packageFolder, target)] : Object.values(target).flatMap(files)
  return new Map(
    Object.entries(manifest.exports).flatMap(([path, target]) => {
      const source = typeof target === "string" ? undefined : target["onward-source"]
      return source === undefined ? [] : [[join(manifest.name, path), [...new Set(files(source))]] as const]
    }),
  )
}

/** Every entry of a package with everything that it exports, sorted by name. */
export function surfaceOf(packageFolder: string): Entry[] {
  return [...sourcesOf(packageFolder)].map(([name, files]) => {
    const exports = new Map(files.flatMap((file) => [...exportsOf(file)]))
    const sorted = [...exports].sort(([a], [b]) => (a < b ? -1 : 1))
    return {
      name,
      exports: sorted.map(([name, origin]) => ({ name, isType: origin.isType, signature: signatureOf(name, origin) })),
    }
  })
}

function signatureOf(name: string, { file, name: declared, isType }: Origin & { readonly isType: boolean }): string {
  if (!file.startsWith("/")) return `export { ${declared} as ${name} } from "${file}"`
  const module = moduleOf(file)
  const nodes = module.declared.get(declared) ?? []
  const alias = name === declared ? "" : `// declared as ${declared}\n`
  return alias + nodes.map((node) => printed(module, node, isType)).join("\n")
}

/** Source text of a declaration: without comments, and of a class that is exported as a type without its constructor. */
function printed({ text }: Module, node: Node, isType: boolean): string {
  let source = text
  for (const member of isType ? constructorsOf(node) : []) {
    source = source.slice(0, member.start) + " ".repeat(member.end - member.start) + source.slice(member.end)
    if (source[member.end] === ";") source = `${source.slice(0, member.end)} ${source.slice(member.end + 1)}`
  }
  return source
    .slice(node.start, node.end)
    .replaceAll("\t", "  ")
    .replaceAll(/[ ]+$/gm, "")
    .replaceAll(/\n+/g, "\n")
    .replace(/^declare /, "")
}

const constructorsOf = (node: Node): readonly Node[] =>
  ((node["body"] as { readonly body?: readonly Node[] } | undefined)?.body ?? []).filter(
    (member) => member["kind"] === "constructor",
  )

/** Types that public signatures name and that no entry exports, so that users cannot name them. */
export function forgottenBy(packageFolder: string): Forgotten[] {
  const all = [...sourcesOf(packageFolder)].flatMap(([, files]) => files.flatMap((file) => [...exportsOf(file)]))
  const key = ({ file, name }: Origin): string => `${file}#${name}`
  const isPublic = new Set(all.map(([, origin]) => key(origin)))
  const used = new Map<string, Set<string>>()
  for (const [name, origin] of all) {
    if (!origin.file.startsWith("/")) continue
    const module = moduleOf(origin.file)
    for (const node of module.declared.get(origin.name) ?? []) {
      const hidden = origin.isType ? constructorsOf(node) : []
      const { names, imports } = namesIn(hidden.length === 0 ? node : without(node, hidden))
      const references = [...names].map((each) => referenceIn(module, each)).filter((each) => each !== undefined)
      for (const reference of [...references, ...imports]) {
        if (!reference.file.startsWith("/") || isPublic.has(key(reference)) || isVariable(reference)) continue
        used.set(key(reference), (used.get(key(reference)) ?? new Set()).add(name))
      }
    }
  }
  return [...used]
    .map(([id, names]) => {
      const [file = "", type = ""] = id.split("#")
      return { type, file: relative(packageFolder, file), usedBy: [...names].sort() }
    })
    .sort((a, b) => (a.type < b.type ? -1 : 1))
}

/** A base class that is chosen when the module loads is a constant: users name the class that extends it. */
const isVariable = ({ file, name }: Origin): boolean =>
  moduleOf(file)
    .declared.get(name)
    ?.every(({ type }) => type === "VariableDeclaration") ?? false

/** A class without some of its members. */
const without = (node: Node, members: readonly Node[]): Node => ({
  ...node,
  body: { body: (node["body"] as { readonly body: readonly Node[] }).body.filter((each) => !members.includes(each)) },
})
