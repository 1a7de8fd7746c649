import * as v from "valibot"

/** What is known of a value besides its type. */
export interface ValueKind {
  /** What a valid value is, to complete "Use …". */
  readonly expects: string
  /** The value in a JSON Schema. */
  readonly json?: Readonly<Record<string, unknown>>
  /** What its JSON Schema is made of, when it has parts of its own. */
  readonly shape?: v.GenericSchema
  readonly isBoolean?: true
  readonly isList?: true
  /** It has parts of its own, so text that holds it is read as YAML. */
  readonly isStructured?: true
}

const kind = <Input>(about: ValueKind): v.MetadataAction<Input, { readonly kind: ValueKind }> =>
  v.metadata({ kind: about })

/** Text that is not empty. */
export const text = (expects = "text that is not empty") =>
  v.pipe(v.string(), v.nonEmpty(), kind({ expects, json: { type: "string", minLength: 1 } }))

/** Text that a function accepts, and returns as it is to be used. The function throws an `Error` whose message completes "Use …". */
export const checkedText = <T>(check: (text: string) => T, format: Readonly<Record<string, unknown>> = {}) =>
  v.pipe(
    v.string(),
    v.nonEmpty(),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      try {
        return check(dataset.value)
      } catch (error) {
        addIssue({ message: (error as Error).message })
        return NEVER
      }
    }),
    kind({ expects: "text that is not empty", json: { type: "string", minLength: 1, ...format } }),
  )

/** A whole number. Environment variables and options give it as text. */
export const integer = (minimum: number, maximum: number) =>
  number({
    pattern: /^\d{1,9}$/,
    minimum,
    maximum,
    read: Number,
    expects: `a number from ${minimum} to ${maximum}`,
    json: { type: "integer", minimum, maximum },
  })

const MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
}

/** A time in ms: a number of ms, or text such as `10s`. */
export const duration = (minimum: number, maximum: number) =>
  number({
    pattern: /^(\d{1,15}(?:\.\d{1,3})?) ?(ms|s|m|h|d)?$/,
    minimum,
    maximum,
    read: (amount, unit = "ms") => Number(amount) * (MS[unit] ?? 1),
    expects: `a time from ${formatDuration(minimum)} to ${formatDuration(maximum)}, such as 500ms, 10s, 5m, 2h or 7d`,
    json: {
      anyOf: [
        { type: "integer", minimum, maximum },
        { type: "string", pattern: "^\\d+(\\.\\d+)? ?(ms|s|m|h|d)?$" },
      ],
    },
  })

/** A size in bytes: a number of bytes, or text such as `4MiB`. */
export const bytes = (minimum: number, maximum: number) =>
  number({
    pattern: /^(\d{1,15}(?:\.\d{1,3})?) ?(B|kB|MB|GB|KiB|MiB|GiB)?$/,
    minimum,
    maximum,
    read: (amount, unit = "B") => Math.round(Number(amount) * (BYTES[unit] ?? 1)),
    expects: `a size from ${formatBytes(minimum)} to ${formatBytes(maximum)}, such as 4096, 64KiB, 4MiB or 1GiB`,
    json: {
      anyOf: [
        { type: "integer", minimum, maximum },
        { type: "string", pattern: "^\\d+(\\.\\d+)? ?(B|kB|MB|GB|KiB|MiB|GiB)?$" },
      ],
    },
  })

interface NumberKind extends Required<Pick<ValueKind, "expects" | "json">> {
  readonly pattern: RegExp
  readonly minimum: number
  readonly maximum: number
  readonly read: (amount: string, unit?: string) => number
}

function number({ pattern, minimum, maximum, read, expects, json }: NumberKind) {
  return v.pipe(
    v.union([v.number(), v.string()]),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const given = String(dataset.value)
      const [all, amount = given, unit] = pattern.exec(given) ?? []
      const value = all === undefined ? Number.NaN : read(amount, unit)
      if (Number.isSafeInteger(value) && value >= minimum && value <= maximum) return value
      addIssue({ message: expects })
      return NEVER
    }),
    kind({ expects, json }),
  )
}

/** True or false. Environment variables give it as text. */
export const boolean = () =>
  v.pipe(
    either(
      v.pipe(
        v.picklist(["true", "false"]),
        v.transform((given) => given === "true"),
      ),
      v.boolean(),
    ),
    kind({ expects: "true or false", json: { type: "boolean" }, isBoolean: true }),
  )

/** One of several words. */
export const choice = <const Words extends readonly string[]>(words: Words) =>
  v.pipe(
    v.picklist(words),
    kind({
      expects: `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`,
      json: { type: "string", enum: words },
    }),
  )

/** A list. Text is split at its commas, as environment variables give it. */
export function list<const Item extends v.GenericSchema>(item: Item, expects = "a list") {
  return described(listOf(item), { expects, json: { type: "array", items: kindOf(item)?.json ?? {} }, isList: true })
}

/** A list whose items may be objects: text that begins like JSON is read as YAML, other text is split at its commas. */
export function listOf<const Item extends v.GenericSchema>(
  item: Item,
): v.GenericSchema<string | v.InferInput<Item>[], v.InferOutput<Item>[]> {
  const items = v.array(item as v.GenericSchema)
  const split = v.pipe(
    v.string(),
    v.transform((given): unknown[] => given.split(",").flatMap((part) => part.trim() || [])),
    items,
  )
  return either(split, items) as never
}

/** One schema for text, and another for everything else: issues then have their own places and messages, unlike those of a union. */
export const either = <const Text extends v.GenericSchema, const Other extends v.GenericSchema>(
  text: Text,
  other: Other,
) => v.lazy((input): Text | Other => (typeof input === "string" ? text : other))

/** An object with these keys and no others. Its issues say which keys there are. */
export const object = <const Entries extends v.ObjectEntries>(entries: Entries) =>
  v.strictObject(entries, ({ expected }) =>
    expected === "never" ? Object.keys(entries).join(", ") : `the key ${expected}`,
  )

/** Any other value. */
export const described = <const Value extends v.GenericSchema>(
  value: Value,
  about: ValueKind,
): v.GenericSchema<v.InferInput<Value>, v.InferOutput<Value>> =>
  v.pipe(value as v.GenericSchema, v.metadata({ kind: about })) as never

/** What is known of the values that a schema accepts. */
export function kindOf(schema: v.GenericSchema): ValueKind | undefined {
  const { kind } = v.getMetadata(schema as v.GenericSchema & { readonly pipe: never }) as { readonly kind?: ValueKind }
  return kind
}

const shortest = (amount: number, units: Readonly<Record<string, number>>, none: string): string => {
  const [unit, size] = Object.entries(units).findLast(([, size]) => amount >= size && amount % size === 0) ?? [none, 1]
  return `${amount / size}${unit}`
}

/** A time as it is written in a configuration. */
export const formatDuration = (ms: number): string => shortest(ms, MS, "ms")

/** A size as it is written in a configuration. */
export const formatBytes = (size: number): string =>
  shortest(size, { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }, "B")
