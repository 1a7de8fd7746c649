import { OnwardError } from "./errors.ts"
import { kindOf } from "./kind.ts"
import { checkKinds, checkNames } from "./options.ts"

/** The part of Standard Schema v1 (standardschema.dev) that Onward touches: Zod, Valibot, ArkType and others provide it. */
export interface Schema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** Event names and the schema of each one's data. */
export type EventSchemas = Readonly<Record<string, Schema<any, any>>> // oxlint-disable-line no-explicit-any -- a bound for inference

/** What a schema accepts. */
export type InputOf<S> = S extends Schema<infer Input, unknown> ? Input : never
/** What a schema gives once it has validated. */
export type OutputOf<S> =
  S extends Schema<never, infer Output> ? Output : S extends Schema<any, infer Output> ? Output : never // oxlint-disable-line no-explicit-any

/** What may be published under a contract: one shape a name. */
export type EventInput<S extends EventSchemas> = {
  [K in keyof S & string]: { readonly event: K; readonly data: InputOf<S[K]> }
}[keyof S & string]

/** What arrives under a contract: one shape a name. */
export type EventOutput<S extends EventSchemas> = {
  [K in keyof S & string]: { readonly event: K; readonly data: OutputOf<S[K]> }
}[keyof S & string]

/** A contract between publishers and clients: which events there are and what each carries. */
export interface EventContract<S extends EventSchemas = EventSchemas> {
  readonly schemas: S
  /**
   * Checks one event's data, already parsed from JSON; resolves to what its schema makes of it.
   * Throws `OnwardError("validation_failed")` for an unknown name or refused data.
   */
  validate(event: string, data: unknown): Promise<unknown>
  /**
   * Reads an event as it arrived (`data` is text) into its typed form; with `validate: false` the shape is believed, and the schema only decides
   * whether the data is text: the number 1 and the string "1" arrive as the same bytes.
   */
  parse(
    message: { readonly event: string; readonly data: string },
    options?: { validate?: boolean },
  ): Promise<EventOutput<S>>
}

/**
 * Declares events once for both ends.
 * @example
 * const events = defineEvents({ tick: z.object({ symbol: z.string(), price: z.number() }) })
 * const hub = createHub({ events })
 * await hub.publish({ topic: "prices", event: "tick", data: { symbol: "ACME", price: 12.5 } })
 */
export function defineEvents<const S extends EventSchemas>(schemas: S): EventContract<S> {
  if (typeof schemas !== "object" || schemas === null) {
    throw new TypeError(`defineEvents takes an object of schemas by event name, not ${kindOf(schemas)}.`)
  }
  for (const [name, schema] of Object.entries(schemas)) {
    if (typeof schema?.["~standard"]?.validate !== "function") {
      throw new TypeError(
        `defineEvents: the schema of "${name}" must be a Standard Schema, not ${kindOf(schema)}. Pass one of Zod, Valibot or ArkType.`,
      )
    }
  }
  const validate = async (event: string, data: unknown): Promise<unknown> => {
    const schema = Object.hasOwn(schemas, event) ? schemas[event] : undefined
    if (!schema) throw new OnwardError("validation_failed", `no event "${event}" is defined: add it to defineEvents`)
    const result = await schema["~standard"].validate(data)
    if (result.issues)
      throw new OnwardError("validation_failed", `data of "${event}": ${result.issues.map(describe).join("; ")}`)
    return result.value
  }
  const fits = (event: string, data: unknown): Promise<boolean> =>
    validate(event, data).then(
      () => true,
      () => false,
    )
  return {
    schemas,
    validate,
    async parse({ event, data: text }, options = {}) {
      checkNames("parse", options, ["validate"])
      checkKinds("parse", options, { validate: "true or false" })
      const typed = (data: unknown) => ({ event, data }) as EventOutput<S>
      const data = parseJson(text)
      if (options.validate === false) {
        const isText = typeof data !== "string" && !(await fits(event, data)) && (await fits(event, text))
        return typed(isText ? text : data)
      }
      try {
        return typed(await validate(event, data))
      } catch (error) {
        // strings were sent raw, so what looks like JSON may have been one
        if (typeof data === "string") throw error
        const asText = await validate(event, text).catch(() => undefined)
        if (asText === undefined) throw error
        return typed(asText)
      }
    },
  }
}

/** Throws a `TypeError` for what `defineEvents` did not make. */
export function checkContract(what: string, events: unknown): void {
  const contract = events as Partial<EventContract> | null
  if (typeof contract?.validate === "function" && typeof contract.parse === "function") return
  throw new TypeError(
    `${what}: \`events\` must be what defineEvents returned, not ${kindOf(events)}. Pass defineEvents({ … }).`,
  )
}

/** Strings were sent raw: text that is no JSON, or JSON of a string, is the string itself. */
function parseJson(text: string): unknown {
  try {
    const data = JSON.parse(text) as unknown
    return typeof data === "string" ? text : data
  } catch {
    return text
  }
}

function describe({ message, path }: SchemaIssue): string {
  const keys = path?.map((part) => String(typeof part === "object" ? part.key : part))
  return keys?.length ? `${keys.join(".")}: ${message}` : message
}
