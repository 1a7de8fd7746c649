import { parse, toNumber } from "../arguments.ts"
import { UsageError } from "../usage-error.ts"
import type { DoctorOptions } from "./doctor.ts"

const OPTIONS = {
  header: { type: "string", multiple: true },
  listen: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const

/** Parses the arguments of `onward doctor`. Throws {@link UsageError}. */
export function readDoctor(
  args: readonly string[],
): { readonly name: "help" } | ({ readonly name: "doctor" } & DoctorOptions) {
  const { values, positionals } = parse(args, OPTIONS)
  if (values.help) return { name: "help" }
  const [url, extra] = positionals
  if (url === undefined) throw new UsageError(`The URL of a stream is missing. Use ${EXAMPLE}.`)
  if (extra !== undefined) throw new UsageError(`onward doctor takes one URL, not "${extra}" too. Leave it out.`)
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? ""))
    throw new UsageError(`"${url}" is not an http or https URL. Use ${EXAMPLE}.`)
  return {
    name: "doctor",
    url,
    headers: Object.fromEntries((values.header ?? []).map(toHeader)),
    ...(values.listen !== undefined && { listen: toNumber("--listen", values.listen, 1, 3_600_000) }),
  }
}

const EXAMPLE = "onward doctor http://127.0.0.1:4000/events?topic=hello"

function toHeader(text: string): [name: string, value: string] {
  const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):\s*(.*?)\s*$/.exec(text) ?? []
  if (name === undefined || value === undefined)
    throw new UsageError(`--header "${text}" is invalid. Use --header 'name: value'.`)
  return [name.toLowerCase(), value]
}
