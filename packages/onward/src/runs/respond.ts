import { STREAM_METHODS } from "../methods.ts"
import { corsHeaders, type CorsOptions } from "../server/index.ts"
import { sse } from "../web/index.ts"
import type { RespondOptions, Runs } from "./options.ts"

/** Answers a fetch `Request` for a run: see `Runs.respond`. */
export async function respond(
  runs: Pick<Runs, "status" | "stop" | "source">,
  request: Request,
  id: string,
  given: RespondOptions,
  onError: (error: unknown) => void,
): Promise<Response> {
  const { method } = request
  const { sse: sseOptions, ...streamOptions } = given
  if (method !== "DELETE" && method !== "HEAD") {
    return withMethods(await sse(request, runs.source(id, streamOptions), sseOptions))
  }
  const { owner } = given
  const who = owner === undefined ? {} : { owner }
  const say = saying(request, given.sse?.cors)
  const isStop = method === "DELETE"
  try {
    const outcome = isStop ? await runs.stop(id, who) : undefined
    const { status, lastEventId } = await runs.status(id, who)
    const code = status === "unknown" ? 404 : status === "expired" ? 410 : 200
    const headers = {
      "onward-run-status": status,
      ...(lastEventId !== undefined && { "onward-run-last-id": lastEventId }),
    }
    return say(code, headers, isStop && { status, outcome })
  } catch (error) {
    onError(error)
    return say(503, { "retry-after": "1" }, false)
  }
}

const METHODS = [...STREAM_METHODS, "DELETE", "OPTIONS"].join(", ")

/** Adds DELETE to the methods of a preflight's answer. */
function withMethods(response: Response): Response {
  for (const name of ["allow", "access-control-allow-methods"]) {
    if (response.headers.has(name)) response.headers.set(name, METHODS)
  }
  return response
}

/** Makes responses that are not streams, for the same origins as the stream. */
function saying({ url, headers: asked }: Request, cors: CorsOptions | undefined) {
  const request = {
    method: "GET",
    url,
    header: (name: string) => asked.get(name) ?? undefined,
    onLeave: () => () => {},
  }
  return (status: number, headers: Record<string, string>, body: object | false): Response => {
    const allowed = cors && corsHeaders(request, cors, Object.keys(headers))
    const type = body && { "content-type": "application/json" }
    const all = { "cache-control": "no-store", ...headers, ...allowed, ...type }
    return withMethods(new Response(body ? JSON.stringify(body) : null, { status, headers: all }))
  }
}
