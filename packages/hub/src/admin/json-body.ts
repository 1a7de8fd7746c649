import type { IncomingMessage, ServerResponse } from "node:http"
import type { Bodies } from "../body.ts"
import { HttpError } from "../http-error.ts"
import { parseJson } from "../json.ts"
import { shown } from "../auth/refusal.ts"

/** A request whose body holds a JSON object. */
export interface JsonRequest {
  readonly bodies: Bodies
  readonly req: IncomingMessage
  readonly res: ServerResponse
}

/** Reads a JSON object with these members. Rejects with `HttpError` 400 for any other body. */
export async function readObject<Name extends string>(
  { bodies, req, res }: JsonRequest,
  names: readonly Name[],
): Promise<Partial<Record<Name, unknown>>> {
  return bodies.read(req, res, async (text) => {
    const value = parseJson(text)
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw invalid(`The body is not a JSON object. Send one with ${names.join(", ")}.`)
    }
    const wrong = Object.keys(value).find((name) => !(names as readonly string[]).includes(name))
    if (wrong !== undefined) throw invalid(`The body has no member "${shown(wrong)}". Use ${names.join(", ")}.`)
    return value
  })
}

export const invalid = (message: string): HttpError => new HttpError(400, "invalid_request", message)
