import { readFileSync } from "node:fs"
import { toJsonSchema } from "@valibot/to-json-schema"
import type * as v from "valibot"
import { settings, type Setting } from "../../packages/hub/src/config/settings.ts"
import { formatValue } from "../../packages/hub/src/config/format.ts"

export const CONFIG_PAGE = "docs/hub-config.md"
export const CONFIG_SCHEMA = "packages/hub/onward.schema.json"

const BEGIN = "<!-- settings: npm run reference -->"
const END = "<!-- /settings -->"

/** docs/hub-config.md with the tables of settings as they are. */
export function configPage(): string {
  const page = readFileSync(CONFIG_PAGE, "utf8")
  const [before, rest = ""] = page.split(BEGIN)
  return `${before}${BEGIN}\n\n${tables()}\n${END}${rest.split(END)[1] ?? "\n"}`
}

/** A table for the settings at the top, and one for each group. */
function tables(): string {
  const groups = Map.groupBy(settings, ({ path }) => path.slice(0, -1).join("."))
  return [...groups]
    .map(([group, inIt]) => {
      const title = group === "" ? "### The hub" : `### \`${group}\``
      return `${title}\n\n| Setting | Option | What it sets | Default |\n|---|---|---|---|\n${inIt.map(row).join("")}`
    })
    .join("\n")
}

function row(setting: Setting): string {
  const { name, option, about, isReloadable, expects } = setting
  const flag = option === undefined ? "" : `\`${option}\``
  const reload = isReloadable ? " *Reloadable.*" : ""
  const accepts = /^a (?:number|time|size)|^.* or .*$/.test(expects) ? ` Accepts ${expects}.` : ""
  return `| \`${name}\` | ${flag} | ${escape(`${about}${accepts}${reload}`)} | ${escape(defaultOf(setting))} |\n`
}

function defaultOf({ default: standard, otherwise }: Setting): string {
  if (otherwise !== undefined) return otherwise
  if (standard === undefined) return "not set"
  return Array.isArray(standard) && standard.length === 0 ? "none" : `\`${formatValue(standard)}\``
}

const escape = (text: string): string => text.replaceAll("|", "\\|")

/** The JSON Schema of a configuration file, for editors. */
export function configSchema(): string {
  const root: ObjectSchema = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Configuration of onward serve",
    ...emptyObject(),
  }
  for (const setting of settings) {
    const group = setting.path.slice(0, -1).reduce((above, key) => {
      above.properties[key] ??= emptyObject()
      return above.properties[key] as ObjectSchema
    }, root)
    group.properties[setting.path.at(-1) as string] = {
      description: setting.about,
      ...(setting.default !== undefined && { default: setting.default }),
      ...(setting.json ?? toJsonSchema(setting.shape as v.GenericSchema, { typeMode: "input", errorMode: "ignore" })),
    }
  }
  return `${JSON.stringify(root, null, 2)}\n`
}

interface ObjectSchema {
  readonly [key: string]: unknown
  readonly properties: Record<string, unknown>
}

const emptyObject = (): ObjectSchema => ({ type: "object", additionalProperties: false, properties: {} })
