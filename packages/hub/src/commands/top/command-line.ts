import { toDuration, toNumber, unknown } from "../../arguments.ts"
import type { Environment } from "../../config/index.ts"
import { UsageError } from "../../usage-error.ts"
import { defineCommand, readArguments } from "../flag.ts"
import { readServer, SERVER_FLAGS, type Server } from "../server.ts"

export const SORTS = ["lag", "oldest", "bytes"] as const
export type Sort = (typeof SORTS)[number]

const DEFAULT_URL = "http://127.0.0.1:4001"

export const TOP = defineCommand({
  name: "top",
  words: "",
  about:
    "Shows the streams of a hub, the furthest behind first, from its admin port. Keys: l, o and b sort, q quits. Outside a terminal it prints one table.",
  flags: {
    sort: { type: "string", value: "order", about: "`lag`, `oldest` or `bytes`.", default: "lag" },
    filter: {
      type: "string",
      value: "text",
      about: "Only streams whose id, user, address, label, state or topics contain this.",
    },
    limit: {
      type: "string",
      value: "number",
      about: "The number of streams.",
      default: "the height of the terminal, else 20",
    },
    interval: { type: "string", value: "time", about: "How often the screen changes.", default: "1s" },
    json: { type: "boolean", about: "Prints one snapshot as JSON." },
    ...SERVER_FLAGS,
    url: {
      type: "string",
      value: "url",
      about: "The admin port: `--admin-port` of the hub. `ONWARD_ADMIN_URL` sets it too.",
      default: DEFAULT_URL,
    },
    token: { ...SERVER_FLAGS.token, about: `A key with \`admin\`. ${SERVER_FLAGS.token.about}` },
  },
})

export interface TopOptions {
  readonly server: Server
  readonly sort: Sort
  readonly filter: string | undefined
  /** @default as many as fit */
  readonly limit: number | undefined
  readonly interval: number
  readonly isJson: boolean
}

/** Reads the arguments of `onward top`; undefined for `--help`. Throws {@link UsageError}. */
export function readTop(args: readonly string[], env: Environment): TopOptions | undefined {
  const read = readArguments(TOP, args)
  if (!read) return undefined
  const { values, words } = read
  if (words[0] !== undefined) throw new UsageError(`onward top takes options only, not "${words[0]}". Leave it out.`)
  const given = values.sort ?? TOP.flags.sort.default
  const sort = SORTS.find((each) => each === given)
  if (!sort) throw new UsageError(unknown("order", given, SORTS, "top"))
  // the address of the hub for clients is another one
  const url = values.url ?? (env["ONWARD_ADMIN_URL"] || DEFAULT_URL)
  return {
    server: readServer({ ...values, url }, env),
    sort,
    filter: values.filter,
    limit: values.limit === undefined ? undefined : toNumber("--limit", values.limit, 1, 1_000),
    interval: toDuration("--interval", values.interval ?? TOP.flags.interval.default, 100, 3_600_000),
    isJson: values.json === true,
  }
}
