import { toDuration, toNumber } from "../arguments.ts"
import { defineCommand, readArguments } from "../commands/flag.ts"
import { SERVER_FLAGS, toHeaders, tokenHeader } from "../commands/server.ts"
import { UsageError } from "../usage-error.ts"
import type { DoctorOptions } from "./doctor.ts"

export const DOCTOR = defineCommand({
  name: "doctor",
  words: "<url>",
  about:
    "Finds what is wrong with a stream of any server, and says what to do: what refuses, buffers, changes or cuts it.",
  flags: {
    token: { ...SERVER_FLAGS.token, about: "A token, sent as `Authorization: Bearer …`." },
    header: SERVER_FLAGS.header,
    publish: {
      type: "boolean",
      about:
        "Publishes an event `onward.doctor` on the first topic of the URL, and waits for it. All subscribers of the topic receive it.",
    },
    origin: {
      type: "string",
      value: "origin",
      about: "Checks whether a page of this origin may read the stream (CORS), such as https://app.example.com.",
    },
    many: {
      type: "string",
      value: "number",
      about: "Opens this many streams at once: browsers open six connections without HTTP/2.",
    },
    idle: { type: "string", value: "time", about: "How long the stream must stay open, such as 120s." },
    listen: { type: "string", value: "ms", about: "The same in ms.", default: "until a heartbeat is due" },
    json: { type: "boolean", about: "Prints a line of JSON for each finding." },
  },
})

/** Parses the arguments of `onward doctor`; undefined for `--help`. Throws {@link UsageError}. */
export function readDoctor(args: readonly string[]): DoctorOptions | undefined {
  const read = readArguments(DOCTOR, args)
  if (!read) return undefined
  const { values, words } = read
  const [url, extra] = words
  if (url === undefined) throw new UsageError(`The URL of a stream is missing. Use ${EXAMPLE}.`)
  if (extra !== undefined) throw new UsageError(`onward doctor takes one URL, not "${extra}" too. Leave it out.`)
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? ""))
    throw new UsageError(`"${url}" is not an http or https URL. Use ${EXAMPLE}.`)
  if (values.idle !== undefined && values.listen !== undefined) {
    throw new UsageError("--idle and --listen say the same. Use one of them.")
  }
  const listen =
    values.idle !== undefined
      ? toDuration("--idle", values.idle, 1, 86_400_000)
      : values.listen === undefined
        ? undefined
        : toNumber("--listen", values.listen, 1, 3_600_000)
  return {
    url,
    // a token of the environment is for another URL
    headers: { ...tokenHeader(values.token, {}), ...toHeaders(values.header) },
    ...(listen !== undefined && { listen }),
    ...(values.origin !== undefined && { origin: toOrigin(values.origin) }),
    ...(values.many !== undefined && { many: toNumber("--many", values.many, 1, 500) }),
    ...(values.publish && { publish: true }),
    ...(values.json && { json: true }),
  }
}

const EXAMPLE = "onward doctor http://127.0.0.1:4000/events?topic=hello"

function toOrigin(text: string): string {
  const url = URL.parse(text)
  if (url && /^https?:$/.test(url.protocol) && /^\w+:\/\/[^/]+\/?$/.test(text)) return url.origin
  throw new UsageError(`--origin "${text}" is not an origin. Use one such as https://app.example.com.`)
}
