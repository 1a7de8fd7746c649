import { readFileSync } from "node:fs"
import { isMap, isScalar, LineCounter, parseDocument, visit, type Document, type Pair } from "yaml"
import { suggest } from "../suggest.ts"
import { UsageError } from "../usage-error.ts"
import { namesBelow, settings } from "./settings.ts"
import { readVariable, type Environment, type Given } from "./sources.ts"

/** Reads a configuration file. Throws {@link UsageError}. */
export function readFile(path: string, env: Environment): Given[] {
  const lines = new LineCounter()
  const document = parseDocument(readText(path), { lineCounter: lines, uniqueKeys: true })
  const [problem] = [...document.errors, ...document.warnings]
  if (problem) throw new UsageError(`${path} is not valid YAML. ${problem.message.split("\n")[0]}`)
  const at = (offset: number | undefined): string =>
    offset === undefined ? path : `${path}:${lines.linePos(offset).line}`
  replaceVariables(document, env, at)
  const { contents } = document
  if (contents === null) return []
  if (!isMap(contents))
    throw new UsageError(`${path} is not a configuration. Begin each line with a setting, such as port: 4000.`)
  return contents.items.flatMap((pair) => givenBy(pair, [], { at, document }))
}

interface Place {
  readonly at: (offset: number | undefined) => string
  readonly document: Document
}

function givenBy(pair: Pair, above: readonly string[], place: Place): Given[] {
  const key = isScalar(pair.key) ? String(pair.key.value) : ""
  const origin = place.at((isScalar(pair.key) && pair.key.range?.[0]) || 0)
  const path = [...above, key]
  const name = path.join(".")
  const setting = settings.find((each) => each.name === name)
  if (setting) {
    const value = valueOf(pair, place)
    return value === null ? [] : [{ setting, value, origin }]
  }
  if (namesBelow(path) === undefined) {
    const meant = suggestKey(key, above)
    throw new UsageError(
      `There is no setting "${name}" (${origin}). ${meant === undefined ? "Remove it; docs/hub-config.md lists the settings." : `Did you mean "${meant}"?`}`,
    )
  }
  if (isMap(pair.value)) return pair.value.items.flatMap((each) => givenBy(each, path, place))
  if (valueOf(pair, place) === null) return []
  throw new UsageError(
    `"${name}" has settings of its own (${origin}). Write them below it, such as ${name}.${namesBelow(path)?.[0]}.`,
  )
}

function valueOf({ value }: Pair, { document }: Place): unknown {
  return value === null ? null : (value as { toJS(document: Document): unknown }).toJS(document)
}

/** A key nearby, or one of that name elsewhere. */
function suggestKey(key: string, above: readonly string[]): string | undefined {
  const near = suggest(key, namesBelow(above) ?? [])
  if (near !== undefined) return [...above, near].join(".")
  return settings.find(({ path }) => path.at(-1) === key)?.name
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch (error) {
    const { code } = error as { readonly code?: string }
    throw new UsageError(`The configuration file ${path} cannot be read (${code}). Check --config and ONWARD_CONFIG.`)
  }
}

/** Puts the values of `${NAME}` and `${NAME:-default}` into the texts of a file; `$${` stays `${`. The values are never read as YAML. */
function replaceVariables(document: Document, env: Environment, at: Place["at"]): void {
  visit(document, {
    Scalar(key, node) {
      if (key === "key" || typeof node.value !== "string" || !node.value.includes("${")) return
      node.value = node.value.replaceAll(
        /\$\$\{|\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}/g,
        (all, name: string | undefined, otherwise: string | undefined) => {
          if (name === undefined) return all.slice(1)
          const value = readVariable(env, name)?.value ?? otherwise
          if (value !== undefined) return value
          throw new UsageError(
            `The environment variable ${name} is not set (${at(node.range?.[0])}). Set it, or write \${${name}:-default}.`,
          )
        },
      )
    },
  })
}

/** Text of an environment variable or an option that holds a list or an object. */
export function parseStructured(text: string, origin: string): unknown {
  const document = parseDocument(text)
  const [problem] = document.errors
  if (problem) throw new UsageError(`${origin} is not valid JSON or YAML. ${problem.message.split("\n")[0]}`)
  return document.toJS()
}
