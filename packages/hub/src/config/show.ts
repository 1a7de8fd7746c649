import { databaseOf } from "../log-address.ts"
import { formatValue } from "./format.ts"
import type { Loaded } from "./load.ts"
import { valueAt } from "./reload.ts"
import { settings, type Setting } from "./settings.ts"
import { formatBytes, formatDuration } from "./values.ts"

/** The configuration as a file that means the same. A comment tells where each value comes from, or the variable that would set it. Secrets are hidden. */
export function showConfig({ config, origins }: Loaded): string {
  const lines: string[] = []
  let above: readonly string[] = []
  for (const setting of settings) {
    const { path } = setting
    const value = valueAt(config, path)
    const groups = path.slice(0, -1)
    for (const [at, name] of groups.entries()) {
      if (above[at] === name && at < above.length) continue
      lines.push(`${"  ".repeat(at)}${name}:`)
      above = groups.slice(0, at + 1)
    }
    above = groups
    const origin = origins.get(setting.name) ?? `default; ${setting.env}`
    const line = `${"  ".repeat(groups.length)}${path.at(-1)}: ${show(setting, value)}`
    lines.push(value === undefined ? `# ${line} (${origin}: ${setting.otherwise ?? "not set"})` : `${line} # ${origin}`)
  }
  return `${lines.join("\n")}\n`
}

function show(setting: Setting, value: unknown): string {
  if (value === undefined) return ""
  if (setting.name === "log" && typeof value === "string") return formatValue(databaseOf(value))
  if (setting.isSecret && !(Array.isArray(value) && value.length === 0)) return "(hidden)"
  if (typeof value === "number" && setting.expects.startsWith("a time")) return formatDuration(value)
  if (typeof value === "number" && setting.expects.startsWith("a size")) return formatBytes(value)
  return formatValue(value)
}
