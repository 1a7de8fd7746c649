import * as v from "valibot"
import { schema } from "./schema.ts"
import type { About } from "./setting.ts"
import { kindOf, type ValueKind } from "./values.ts"

/** One setting, and how it is called in the file, in the environment and on the command line. */
export interface Setting extends About, ValueKind {
  readonly path: readonly string[]
  /** Its path in the configuration file: `limits.streams`. */
  readonly name: string
  /** Its environment variable: `ONWARD_LIMITS_STREAMS`. */
  readonly env: string
  /** Its option: `--max-streams`. */
  readonly option: string | undefined
}

/** All settings, in the order of the schema. */
export const settings: readonly Setting[] = settingsIn(schema, [])

type Objects = v.StrictObjectSchema<v.ObjectEntries, undefined>

function settingsIn({ entries }: Objects, above: readonly string[]): Setting[] {
  return Object.entries(entries).flatMap(([key, entry]) => {
    const { wrapped } = entry as v.OptionalSchema<v.GenericSchema, undefined>
    const path = [...above, key]
    if (wrapped.type === "strict_object") return settingsIn(wrapped as unknown as Objects, path)
    const { about } = v.getMetadata(wrapped as never) as unknown as { readonly about: About }
    const words = path.map((word) => word.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`))
    const flag = about.flag === undefined ? words.join("-") : about.flag
    return {
      ...about,
      ...(kindOf(wrapped) as ValueKind),
      path,
      name: path.join("."),
      env: `ONWARD_${words.join("_").replaceAll("-", "_").toUpperCase()}`,
      option: flag === null ? undefined : `--${flag}`,
    }
  })
}

/** Names of groups and settings directly below a path; undefined for one that is not a group. */
export function namesBelow(path: readonly string[]): string[] | undefined {
  const below = settings.filter((setting) => path.every((word, at) => setting.path[at] === word))
  const names = below.flatMap((setting) => setting.path.slice(path.length, path.length + 1))
  return names.length === 0 ? undefined : [...new Set(names)]
}
