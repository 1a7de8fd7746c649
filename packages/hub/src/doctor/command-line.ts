import { parse, toNumber } from "../arguments.ts"
import { UsageError } from "../usage-error.ts"
import type { DoctorOptions } from "./doctor.ts"

const OPTIONS = {
  header: { type: "string", multiple: true },
  listen: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const

/** Reads what comes after `onward doctor`. Throws {@link UsageError}. */
export function readDoctor(
  args: readonly string[],
): { readonly name: "help" } | ({ readonly name: "doctor" } & DoctorOptions) {
  const { values, positionals } = parse(args, OPTIONS)
  if (values.help) return { name: "help" }
  const [url, extra] = positionals
  if (url === undefined)
    throw new UsageError("say which stream: onward doctor http://127.0.0.1:4000/events?topic=hello")
  if (extra !== undefined) throw new UsageError(`"${extra}" is one word too many: onward doctor takes one address`)
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? "")) throw new UsageError(`"${url}" is no http or https address`)
  return {
    name: "doctor",
    url,
    headers: Object.fromEntries((values.header ?? []).map(toHeader)),
    ...(values.listen !== undefined && { listen: toNumber("--listen", values.listen, 1, 3_600_000) }),
  }
}

function toHeader(text: string): [name: string, value: string] {
  const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):\s*(.*?)\s*$/.exec(text) ?? []
  if (name === undefined || value === undefined) throw new UsageError("--header is 'name: value'")
  return [name.toLowerCase(), value]
}
