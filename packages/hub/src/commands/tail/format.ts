import { UsageError } from "../../usage-error.ts"

/** An event, as a command prints it. */
export interface Printed {
  /** Undefined where the stream does not tell it. */
  readonly topic: string | undefined
  readonly id: string
  readonly event: string
  readonly data: string
  /** When it arrived. */
  readonly time: Date
}

/** Returns the text of an event. `clean` is called with each part that comes from the server. */
export type Format = (event: Printed, clean: (text: string) => string) => string

const FIELDS: Readonly<Record<string, (event: Printed) => string>> = {
  t: ({ topic = "" }) => topic,
  i: ({ id }) => id,
  e: ({ event }) => event,
  d: ({ data }) => data,
  s: ({ data }) => String(Buffer.byteLength(data)),
  T: ({ time }) => time.toISOString(),
}

const ESCAPES: Readonly<Record<string, string>> = { "\\n": "\n", "\\t": "\t", "\\0": "\0", "\\\\": "\\", "%%": "%" }

/** Compiles a format such as `%i %d\n`. Throws {@link UsageError}. */
export function compileFormat(text: string): Format {
  const parts = (text.match(/%.|\\.|[^%\\]+|[%\\]$/gsu) ?? []).map((part): string | ((event: Printed) => string) => {
    if (!/^[%\\]/.test(part)) return part
    const found = ESCAPES[part] ?? (part.startsWith("%") ? FIELDS[part.slice(1)] : undefined)
    if (found !== undefined) return found
    throw new UsageError(
      `--format has no "${part}". Use %${Object.keys(FIELDS).join(", %")} and ${Object.keys(ESCAPES).join(", ")}.`,
    )
  })
  return (event, clean) => parts.map((part) => (typeof part === "string" ? part : clean(part(event)))).join("")
}
