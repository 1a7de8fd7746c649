import { parseArgs, type ParseArgsConfig } from "node:util"
import { suggest } from "./suggest.ts"
import { UsageError } from "./usage-error.ts"

type Options = NonNullable<ParseArgsConfig["options"]>

/** The values of the given options. */
type Parsed<T extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; options: T; allowPositionals: true; allowNegative: true }>
>

/** Parses options and words. Throws {@link UsageError}. */
export function parse<const T extends Options>(args: readonly string[], options: T): Parsed<T> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, allowNegative: true })
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string }
    const flag = /'(--?[^' ]+)/.exec(message)?.[1] ?? ""
    const flags = Object.keys(options).map((name) => `--${name}`)
    if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") throw new UsageError(unknown("option", flag, flags))
    if (flag === "") throw error
    if (/argument missing/.test(message)) {
      throw new UsageError(`${flag} needs a value. onward --help shows which.`)
    }
    throw new UsageError(`${flag} is not used like this. onward --help shows how.`)
  }
}

/** Returns the message for an unknown name, with a similar one. */
export function unknown(kind: string, given: string, known: readonly string[]): string {
  const meant = suggest(given, known)
  const advice = meant === undefined ? "onward --help lists them." : `Did you mean ${meant}?`
  return `There is no ${kind} "${given}". ${advice}`
}

/** Parses a whole number within limits. */
export function toNumber(name: string, text: string, least: number, most: number): number {
  const number = Number(text)
  if (/^\d{1,9}$/.test(text) && number >= least && number <= most) return number
  throw new UsageError(`Invalid value for ${name}: "${text}". Use a number from ${least} to ${most}.`)
}
