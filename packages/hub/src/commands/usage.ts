import { wrap } from "../wrap.ts"
import type { CommandTable, Flag } from "./flag.ts"

const INDENT = 22

/** What `onward <command> --help` prints. */
export function commandUsage({ name, alias, words, about, flags }: CommandTable): string {
  const second = alias === undefined ? "" : `\n       onward ${alias} ${words} [options]`
  return [
    `Usage: onward ${name} ${words} [options]${second}\n`,
    ...wrap(about, 0),
    "",
    ...Object.entries(flags).map(([flag, table]) => entry(flag, table)),
    "",
  ].join("\n")
}

function entry(name: string, flag: Flag): string {
  const head = `  ${spell(name, flag)}`
  const lines = wrap(
    `${flag.about}${flag.default === undefined ? "" : ` [${flag.default}]`}`.replaceAll("`", ""),
    INDENT,
  )
  const [first, ...rest] = head.length < INDENT ? [head.padEnd(INDENT) + lines[0], ...lines.slice(1)] : [head, ...lines]
  return [first, ...rest.map((line) => " ".repeat(INDENT) + line)].join("\n")
}

/** A flag as a user writes it: `-c, --count <number>`. */
export const spell = (name: string, { short, value }: Flag): string =>
  `${short === undefined ? "" : `-${short}, `}--${name}${value === undefined ? "" : ` <${value}>`}`
