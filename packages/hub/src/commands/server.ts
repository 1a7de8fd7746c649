import { readVariable, type Environment } from "../config/index.ts"
import { printable } from "../printable.ts"
import { UsageError } from "../usage-error.ts"
import type { FlagValues } from "./flag.ts"

/** The flags of commands that talk to a running hub. */
export const SERVER_FLAGS = {
  url: {
    type: "string",
    value: "url",
    about: "The hub. `ONWARD_URL` sets it too.",
    default: "http://127.0.0.1:4000",
  },
  token: {
    type: "string",
    value: "token",
    about:
      "A token or publish key, sent as `Authorization: Bearer …`. Set `ONWARD_TOKEN` or `ONWARD_TOKEN_FILE` instead where other users can read the command line.",
  },
  header: {
    type: "string",
    value: "name: value",
    multiple: true,
    about: "A request header. Several may be given.",
  },
} as const

/** A running hub, and the headers of requests to it. */
export interface Server {
  /** Its URL, which ends with a slash. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** Reads the flags of {@link SERVER_FLAGS}. Throws {@link UsageError}. */
export function readServer(values: FlagValues<typeof SERVER_FLAGS>, env: Environment): Server {
  const address = values.url ?? (env["ONWARD_URL"] || SERVER_FLAGS.url.default)
  const origin = values.url === undefined ? "ONWARD_URL" : "--url"
  const url = URL.parse(address)
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(
      `${origin} "${printable(address)}" is not an http or https URL. Use ${SERVER_FLAGS.url.default}.`,
    )
  }
  if (url.username || url.password) {
    throw new UsageError(`${origin} contains a password. Use --header 'authorization: Basic …' instead.`)
  }
  if (url.search || url.hash) {
    throw new UsageError(`${origin} has a query or a fragment. Give only the hub, such as ${url.origin}.`)
  }
  url.pathname = url.pathname.replace(/\/*$/, "/")
  return { url: url.href, headers: { ...tokenHeader(values.token, env), ...toHeaders(values.header) } }
}

const MERCURE = ".well-known/mercure"

/** The Mercure endpoint of a hub whose URL is that of the hub, or of the endpoint. */
export const mercureUrl = ({ url }: Pick<Server, "url">): URL =>
  new URL(url.endsWith(`/${MERCURE}/`) ? url.slice(0, -1) : url + MERCURE)

/** The header for `--token`, or for the environment's token. */
export function tokenHeader(option: string | undefined, env: Environment): Record<string, string> {
  const token = option ?? readVariable(env, "ONWARD_TOKEN")?.value
  if (token === undefined) return {}
  if (!/^[!-~]+$/.test(token)) {
    throw new UsageError("The token contains a space or a character that a header cannot have. Give the token alone.")
  }
  return { authorization: `Bearer ${token}` }
}

/** Reads `--header 'name: value'`. Names become lower case. */
export const toHeaders = (given: readonly string[] = []): Record<string, string> =>
  Object.fromEntries(given.map(toHeader))

function toHeader(text: string): [name: string, value: string] {
  const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):\s*(.*?)\s*$/.exec(text) ?? []
  if (name === undefined || value === undefined)
    throw new UsageError(`--header "${text}" is invalid. Use --header 'name: value'.`)
  return [name.toLowerCase(), value]
}
