import { existsSync } from "node:fs"
import * as v from "valibot"
import { databaseOf } from "../log-address.ts"
import { UsageError } from "../usage-error.ts"
import { completeConfig, type Circumstances, type Config } from "./complete.ts"
import { readMercureVariables } from "./mercure-variables.ts"
import { schema } from "./schema.ts"
import { settings, type Setting } from "./settings.ts"
import { readEnvironment, unknownVariables, type Environment, type Flags, type Given } from "./sources.ts"
import { suggest } from "../suggest.ts"

/** A valid configuration, and where each of its values comes from. */
export interface Loaded {
  readonly config: Config
  /** The configuration file that was read. */
  readonly file: string | undefined
  /** Environment variables that begin with `ONWARD_` and are not settings. */
  readonly ignored: readonly string[]
  /** The option, variable or line that gave a setting, by the setting's name. */
  readonly origins: ReadonlyMap<string, string>
}

/**
 * Reads the configuration: options of the command line count more than environment variables, those more than the file, and that more than
 * defaults. Rejects with a {@link UsageError} that has a line for each mistake.
 */
export async function loadConfig(
  { config: option, given: options }: Flags,
  env: Environment,
  { isTerminal = false }: { readonly isTerminal?: boolean } = {},
): Promise<Loaded> {
  const file = findFile(option, env)
  const given = [
    // loaded only when it is needed, because it takes longer to load than the rest of this
    ...(file === undefined ? [] : (await import("./file.ts")).readFile(file, env)),
    ...readMercureVariables(env),
    ...readEnvironment(env),
    ...options,
  ]
  const ignored = unknownVariables(env)
  const tree: Tree = {}
  const origins = new Map<string, string>()
  for (const each of given) {
    put(tree, each.setting.path, await structureOf(each))
    origins.set(each.setting.name, each.origin)
  }
  return { config: parseConfig(tree, { env, isTerminal, origins }), file, ignored, origins }
}

/** Checks settings, as a configuration file has them, and fills in defaults. Throws {@link UsageError}. */
export function parseConfig(tree: unknown, circumstances: Circumstances = {}): Config {
  const nameOf = (name: string): string => circumstances.origins?.get(name) ?? name
  const read = v.safeParse(schema, tree)
  if (read.success) return completeConfig(read.output, circumstances)
  throw new UsageError([...new Set(read.issues.map((issue) => describe(issue, nameOf)))].join("\n"))
}

/** The file that is read when none is named, if it is there. */
const DEFAULT_FILE = "onward.yaml"

const findFile = (option: string | undefined, env: Environment): string | undefined =>
  option ?? (env["ONWARD_CONFIG"] || (existsSync(DEFAULT_FILE) ? DEFAULT_FILE : undefined))

interface Tree {
  [key: string]: unknown
}

function put(tree: Tree, [key = "", ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) tree[key] = value
  else put((tree[key] ??= {}) as Tree, rest, value)
}

/** Variables and options give lists and objects as JSON or YAML. */
async function structureOf({ setting, value, origin }: Given): Promise<unknown> {
  if (!setting.isStructured || typeof value !== "string" || !/^\s*[[{]/.test(value)) return value
  const { parseStructured } = await import("./file.ts")
  return parseStructured(value, origin)
}

/** One mistake: what was given, and what to use. */
function describe(issue: v.BaseIssue<unknown>, nameOf: (name: string) => string): string {
  const path = (issue.path ?? []).map(({ key }) => key)
  const setting = settings.find((each) => each.path.every((key, at) => path[at] === key))
  const where = nameOf(setting?.name ?? path.join("."))
  const below = setting ? path.slice(setting.path.length) : []
  const part = below.length === 0 ? "" : ` at ${setting?.name}${below.map(partOf).join("")}`
  const unknown = unknownKey(issue)
  if (unknown) {
    const meant = suggest(unknown.key, unknown.known)
    return `Unknown key "${unknown.key}"${part} (${where}). ${meant === undefined ? `Use ${unknown.known.join(", ")}.` : `Did you mean "${meant}"?`}`
  }
  const isOurs = issue.kind === "transformation" || issue.type === "strict_object"
  const expects = isOurs ? issue.message : ((below.length === 0 ? setting?.expects : undefined) ?? issue.expected)
  return `Invalid value for ${where}${part}: ${shown(issue.input, setting)}. Use ${expects}.`
}

const partOf = (key: unknown): string => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)

function unknownKey(
  issue: v.BaseIssue<unknown>,
): { readonly key: string; readonly known: readonly string[] } | undefined {
  if (issue.type !== "strict_object" || issue.expected !== "never") return undefined
  return { key: String(issue.path?.at(-1)?.key), known: issue.message.split(", ") }
}

function shown(input: unknown, setting: Setting | undefined): string {
  if (setting?.isSecret) return setting.name === "log" ? `"${databaseOf(String(input))}"` : "(hidden)"
  const text = JSON.stringify(input) ?? String(input)
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}
