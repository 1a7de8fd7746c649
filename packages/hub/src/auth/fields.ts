import type { IncomingMessage, ServerResponse } from "node:http"
import type { Bodies } from "../body.ts"
import { HttpError } from "../http-error.ts"
import { parseJson } from "../json.ts"
import { shown } from "./refusal.ts"

type Kind = "text" | "texts" | "time" | "seconds"

/** Longest field, in characters, and most texts of a list. */
const MAX_FIELD = 512
const MAX_TEXTS = 100

const isText = (text: string): boolean => text !== "" && text.length <= MAX_FIELD

/** What a text of a kind must be. */
const RULES: Readonly<Record<Kind, readonly [rule: string, fits: (text: string) => boolean]>> = {
  text: [`a text of 1 to ${MAX_FIELD} characters`, isText],
  texts: [`texts of 1 to ${MAX_FIELD} characters`, isText],
  time: ["an ISO 8601 time", (text) => !Number.isNaN(Date.parse(text))],
  seconds: ["a number of seconds from 1 to 86400", (text) => /^\d{1,5}$/.test(text) && +text > 0 && +text <= 86_400],
}

/** A request whose body holds fields. */
interface Sent {
  readonly bodies: Bodies
  readonly req: IncomingMessage
  readonly res: ServerResponse
}

export const invalid = (what: string): HttpError =>
  new HttpError(400, "invalid_request", `The request is invalid: ${what}.`)

/**
 * Reads a body that is a form, or a JSON object of texts, numbers and lists of texts. Rejects with `HttpError` 400 for any other, and for
 * a field that does not exist.
 */
export function readFields<Name extends string>(
  { bodies, req, res }: Sent,
  kinds: Readonly<Record<Name, Kind>>,
): Promise<Partial<Record<Name, readonly string[]>>> {
  const isJson = /^application\/json\b/i.test(req.headers["content-type"] ?? "")
  return bodies.read(req, res, async (text) => {
    const fields: Partial<Record<Name, string[]>> = {}
    for (const [name, value] of isJson ? pairsOf(parseJson(text)) : new URLSearchParams(text)) {
      if (!isNameOf(kinds, name)) {
        throw invalid(`there is no field "${shown(name)}", use ${Object.keys(kinds).join(", ")}`)
      }
      const [rule, fits] = RULES[kinds[name]]
      const list = (fields[name] ??= [])
      const most = kinds[name] === "texts" ? MAX_TEXTS : 1
      if (typeof value !== "string" || !fits(value)) throw invalid(`\`${name}\` must be ${rule}`)
      if (list.push(value) > most)
        throw invalid(`\`${name}\` is given more than ${most === 1 ? "once" : `${most} times`}`)
    }
    return fields
  })
}

function* pairsOf(json: unknown): Generator<[name: string, value: unknown]> {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw invalid("the body must be a JSON object")
  for (const [name, value] of Object.entries(json)) {
    const values: unknown[] = Array.isArray(value) ? value : [value]
    for (const each of values) yield [name, typeof each === "number" ? String(each) : each]
  }
}

const isNameOf = <Name extends string>(kinds: Readonly<Record<Name, Kind>>, name: string): name is Name =>
  Object.hasOwn(kinds, name)
