import * as v from "valibot"

/** What the documentation, the environment and the command line need to know of a setting besides its value. */
export interface About {
  /** What the setting does, in one or more sentences. */
  readonly about: string
  readonly default?: unknown
  /** The default in words, when it depends on other settings. */
  readonly otherwise?: string
  /** Its option on the command line; null for none. @default its path in kebab case */
  readonly flag?: string | null
  /** A second environment variable, which counts less. */
  readonly alias?: string
  /** Whether `onward config` hides the value. */
  readonly isSecret?: true
  /** Whether SIGHUP applies a change; otherwise it needs a restart. */
  readonly isReloadable?: true
}

/** A setting without a default. */
export const setting = <const Value extends v.GenericSchema>(value: Value, about: About) =>
  v.exactOptional(v.pipe(value, v.metadata({ about })))

/** A default, as a configuration file has it. */
type Default = string | number | boolean | readonly never[]

/** A setting with a default, given as a configuration file would. */
export const settingOr = <const Value extends v.GenericSchema>(
  value: Value,
  about: About & { readonly default: Default },
) => v.optional(v.pipe(value, v.metadata({ about })), about.default as never)

/** Settings that belong together. */
export const group = <const Entries extends v.ObjectEntries>(entries: Entries) =>
  v.optional(v.strictObject(entries), {} as never)
