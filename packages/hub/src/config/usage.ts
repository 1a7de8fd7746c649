import { settings, type Setting } from "./settings.ts"
import { formatValue } from "./format.ts"
import { wrap } from "../wrap.ts"

const INDENT = 20

/** The options of `onward serve`, for `--help`. */
export function optionsUsage(): string {
  return settings.flatMap((setting) => (setting.option === undefined ? [] : [entry(setting)])).join("")
}

function entry(setting: Setting): string {
  const head = `  ${setting.option}${setting.isBoolean ? "" : ` <${placeholder(setting)}>`}`
  const lines = wrap(`${plain(setting.about)} ${defaultOf(setting)}`.trim(), INDENT)
  const [first, ...rest] = head.length < INDENT ? [head.padEnd(INDENT) + lines[0], ...lines.slice(1)] : [head, ...lines]
  return [first, ...rest.map((line) => " ".repeat(INDENT) + line)].join("\n") + "\n"
}

const placeholder = ({ expects, option = "" }: Setting): string => {
  if (expects.startsWith("a time")) return "time"
  if (expects.startsWith("a size")) return "size"
  if (expects.startsWith("a number")) return "number"
  return option.slice(option.lastIndexOf("-") + 1)
}

function defaultOf(setting: Setting): string {
  if (setting.otherwise !== undefined) return `[${plain(setting.otherwise)}]`
  if (setting.default === undefined || (Array.isArray(setting.default) && setting.default.length === 0)) return ""
  return setting.isBoolean && setting.default === false ? "" : `[${formatValue(setting.default)}]`
}

const plain = (markdown: string): string => markdown.replaceAll("`", "")
