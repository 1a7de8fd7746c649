import { readFileSync } from "node:fs"
import { parse as parseArguments } from "../arguments.ts"
import { suggest } from "../suggest.ts"
import { UsageError } from "../usage-error.ts"
import { settings, type Setting } from "./settings.ts"

export type Environment = Readonly<Record<string, string | undefined>>

/** A value that was given for a setting, and where. */
export interface Given {
  readonly setting: Setting
  readonly value: unknown
  /** The option, variable or line of a file that gave it. */
  readonly origin: string
}

/** Options that are not settings. */
const COMMON = {
  config: { type: "string" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "v" },
} as const

const OPTIONS: Readonly<Record<string, { readonly type: "string" | "boolean"; readonly multiple?: boolean }>> =
  Object.fromEntries(
    settings.flatMap(({ option, isBoolean, isList }) =>
      option === undefined
        ? []
        : [[option.slice(2), { type: isBoolean ? "boolean" : "string", multiple: isList === true }]],
    ),
  )

export interface Flags {
  readonly words: readonly string[]
  readonly config: string | undefined
  readonly isHelp: boolean
  readonly isVersion: boolean
  readonly given: readonly Given[]
}

/** Reads a command line. Throws {@link UsageError}. */
export function readFlags(args: readonly string[]): Flags {
  const { values, positionals } = parseArguments(args, { ...OPTIONS, ...COMMON })
  const all = values as Readonly<Record<string, string | boolean | readonly string[] | undefined>>
  const given = settings.flatMap((setting): Given[] => {
    const { option: origin } = setting
    const value = origin === undefined ? undefined : all[origin.slice(2)]
    if (origin === undefined || value === undefined) return []
    if ([value].flat().includes("")) throw new UsageError(`${origin} is empty. Give it a value, or leave it out.`)
    return [{ setting, value, origin }]
  })
  if (values.config === "") throw new UsageError("--config is empty. Give it a file, or leave it out.")
  return {
    words: positionals,
    config: values.config,
    isHelp: values.help === true,
    isVersion: values.version === true,
    given,
  }
}

/** Variables that are read elsewhere: by the commands that talk to a hub, by programs that `onward tail --exec` runs, and of upstreams. */
const OTHERS = /^ONWARD_(?:CONFIG|URL|ADMIN_URL|TOKEN(?:_FILE)?|TOPIC|ID|EVENT|UPSTREAM_KEY(?:_\d+)?(?:_FILE)?)$/
/** Kubernetes sets these for a service named `onward` (kubernetes.io/docs/concepts/services-networking/service, "Environment variables"). */
const OF_KUBERNETES = /^ONWARD(?:_\w+)?_(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT_\d+_\w+)$|^ONWARD(?:_\w+)?_PORT$/

/** Variables that begin with `ONWARD_` and are not known: of another program perhaps. Throws {@link UsageError} for a misspelt one. */
export function unknownVariables(env: Environment): string[] {
  const known = settings.flatMap((setting) => [setting.env, `${setting.env}_FILE`])
  const names = Object.keys(env).filter((name) => name.startsWith(PREFIX) && env[name] && !known.includes(name))
  const unknown = names.filter((name) => !OTHERS.test(name) && !OF_KUBERNETES.test(name))
  for (const name of unknown) {
    // without the prefix, which makes all names alike
    const meant = suggest(
      name.slice(PREFIX.length),
      known.map((each) => each.slice(PREFIX.length)),
    )
    if (meant === undefined) continue
    throw new UsageError(`There is no setting for the environment variable ${name}. Did you mean ${PREFIX}${meant}?`)
  }
  return unknown
}

const PREFIX = "ONWARD_"

/** Reads environment variables. Throws {@link UsageError} for a file that cannot be read. */
export function readEnvironment(env: Environment): Given[] {
  return settings.flatMap((setting): Given[] => {
    const found = [setting.env, setting.alias ?? ""].find((name) => isGiven(env, name))
    if (found === undefined) return []
    // an address of Kubernetes, where the service is called onward
    if (OF_KUBERNETES.test(found) && env[found]?.startsWith("tcp://")) return []
    return [{ setting, ...(readVariable(env, found) as { readonly value: string; readonly origin: string }) }]
  })
}

const isGiven = (env: Environment, name: string): boolean => Boolean(env[name]) || Boolean(env[`${name}_FILE`])

/** The value of a variable, or of the file that the same name with `_FILE` names; undefined when neither is set. */
export function readVariable(env: Environment, name: string): { value: string; origin: string } | undefined {
  const value = env[name]
  if (value) return { value, origin: name }
  const path = env[`${name}_FILE`]
  if (!path) return undefined
  try {
    return { value: readFileSync(path, "utf8").replace(/\r?\n$/, ""), origin: `${name}_FILE` }
  } catch (error) {
    const { code } = error as { readonly code?: string }
    throw new UsageError(`${name}_FILE names the file ${path}, which cannot be read (${code}). Check the path.`)
  }
}
