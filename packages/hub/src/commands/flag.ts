import { parse } from "../arguments.ts"

/** One flag of a command: how it is parsed, and what `--help` and docs/command-line.md say of it. */
export interface Flag {
  readonly type: "boolean" | "string"
  readonly short?: string
  readonly multiple?: true
  /** What `--help` calls the value of a flag with one. */
  readonly value?: string
  /** What the flag does, in one or more sentences. */
  readonly about: string
  /** The default, in words. */
  readonly default?: string
}

type FlagTable = Readonly<Record<string, Flag>>

/** A command and its flags: the one table from which the parser, `--help` and docs/command-line.md are made. */
export interface CommandTable<Flags extends FlagTable = FlagTable> {
  readonly name: string
  readonly alias?: string
  /** Its words, for `--help`: `<topic…>`. */
  readonly words: string
  /** What the command does, in one sentence. */
  readonly about: string
  readonly flags: Flags
}

/** Returns the table, with the types of its flags. */
export const defineCommand = <const Flags extends FlagTable>(table: CommandTable<Flags>): CommandTable<Flags> => table

/** The values of flags, by the name of each. */
export type FlagValues<Flags extends FlagTable> = {
  readonly [Name in keyof Flags]?: Flags[Name] extends { readonly type: "boolean" }
    ? boolean
    : Flags[Name] extends { readonly multiple: true }
      ? readonly string[]
      : string
}

export interface ReadArguments<Flags extends FlagTable> {
  readonly values: FlagValues<Flags>
  readonly words: readonly string[]
}

/** Reads the arguments of a command; undefined for `--help`. Throws `UsageError`. */
export function readArguments<Flags extends FlagTable>(
  { name: command, flags }: CommandTable<Flags>,
  args: readonly string[],
): ReadArguments<Flags> | undefined {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { type, short, multiple = false }]) => [
      name,
      { type, multiple, ...(short !== undefined && { short }) },
    ]),
  )
  const { values, positionals } = parse(args, { ...options, help: { type: "boolean", short: "h" } }, command)
  return values["help"] === true ? undefined : { values: values as FlagValues<Flags>, words: positionals }
}
