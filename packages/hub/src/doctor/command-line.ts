import { parse, toNumber } from "../arguments.ts"
import { toHeaders } from "../commands/server.ts"
import { UsageError } from "../usage-error.ts"
import type { DoctorOptions } from "./doctor.ts"

const OPTIONS = {
  header: { type: "string", multiple: true },
  listen: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const

/** Parses the arguments of `onward doctor`. Returns undefined for `--help`. Throws {@link UsageError}. */
export function readDoctor(args: readonly string[]): ({ readonly name: "doctor" } & DoctorOptions) | undefined {
  const { values, positionals } = parse(args, OPTIONS)
  if (values.help) return undefined
  const [url, extra] = positionals
  if (url === undefined) throw new UsageError(`The URL of a stream is missing. Use ${EXAMPLE}.`)
  if (extra !== undefined) throw new UsageError(`onward doctor takes one URL, not "${extra}" too. Leave it out.`)
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? ""))
    throw new UsageError(`"${url}" is not an http or https URL. Use ${EXAMPLE}.`)
  return {
    name: "doctor",
    url,
    headers: toHeaders(values.header),
    ...(values.listen !== undefined && { listen: toNumber("--listen", values.listen, 1, 3_600_000) }),
  }
}

const EXAMPLE = "onward doctor http://127.0.0.1:4000/events?topic=hello"
