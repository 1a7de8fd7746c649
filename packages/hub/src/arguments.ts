import { parseArgs, type ParseArgsConfig } from "node:util"
import * as v from "valibot"
import { bytes, duration } from "./config/values.ts"
import { suggest } from "./suggest.ts"
import { UsageError } from "./usage-error.ts"

type Options = NonNullable<ParseArgsConfig["options"]>

/** The values of the given options. */
type Parsed<T extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; options: T; allowPositionals: true; allowNegative: true }>
>

/** Parses options and words. The errors of a `command` name its own `--help`. Throws {@link UsageError}. */
export function parse<const T extends Options>(args: readonly string[], options: T, command?: string): Parsed<T> {
  const help = helpOf(command)
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, allowNegative: true })
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string }
    const flag = /'(--?[^' ]+)/.exec(message)?.[1] ?? ""
    const flags = Object.keys(options).map((name) => `--${name}`)
    if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") throw new UsageError(unknown("option", flag, flags, command))
    if (flag === "") throw error
    if (/argument missing/.test(message)) {
      throw new UsageError(`${flag} needs a value. ${help} shows which.`)
    }
    throw new UsageError(`${flag} is not used like this. ${help} shows how.`)
  }
}

/** Returns the message for an unknown name, with a similar one. */
export function unknown(kind: string, given: string, known: readonly string[], command?: string): string {
  const meant = suggest(given, known)
  const advice = meant === undefined ? `${helpOf(command)} lists them.` : `Did you mean ${meant}?`
  return `There is no ${kind} "${given}". ${advice}`
}

const helpOf = (command: string | undefined): string => `onward ${command === undefined ? "" : `${command} `}--help`

/** Parses a whole number within limits. */
export function toNumber(name: string, text: string, least: number, most: number): number {
  const number = Number(text)
  if (/^\d{1,9}$/.test(text) && number >= least && number <= most) return number
  throw new UsageError(`Invalid value for ${name}: "${text}". Use a number from ${least} to ${most}.`)
}

/** Parses a time in ms within limits: a number of ms, or text such as `10s`. */
export const toDuration = (name: string, text: string, least: number, most: number): number =>
  toQuantity(name, text, duration(least, most))

/** Parses a size in bytes within limits: a number of bytes, or text such as `4MiB`. */
export const toBytes = (name: string, text: string, least: number, most: number): number =>
  toQuantity(name, text, bytes(least, most))

function toQuantity(name: string, text: string, schema: ReturnType<typeof duration>): number {
  const read = v.safeParse(schema, text)
  if (read.success) return read.output
  throw new UsageError(`Invalid value for ${name}: "${text}". Use ${read.issues[0].message}.`)
}
