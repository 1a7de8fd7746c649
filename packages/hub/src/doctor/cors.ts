import type { Find } from "./finding.ts"
import { unanswered } from "./head.ts"

const TIMEOUT_MS = 5_000

interface CorsCheck {
  readonly headers: Readonly<Record<string, string>>
  /** The origin of the page. */
  readonly origin: string
  readonly find: Find
}

/** Reports whether a page of another origin can read a stream (Fetch section 3.3, "CORS protocol"). */
export async function checkCors(url: string, { headers, origin, find }: CorsCheck): Promise<void> {
  if (new URL(url).origin === origin) return find("ok", `a page of ${origin} is of the same origin, and needs no CORS`)
  try {
    const stream = await ask(url, { headers: { accept: "text/event-stream", ...headers, origin } })
    if (!isAllowed(stream, origin)) {
      return find(
        "bad",
        `a page of ${origin} cannot read the stream: Access-Control-Allow-Origin is ${stream.get("access-control-allow-origin") ?? "missing"}`,
        `allow the origin: onward serve --cors-origin ${origin}, or the option \`cors\` of \`sse\``,
      )
    }
    const withCookies =
      stream.get("access-control-allow-credentials") === "true" ? ", also with cookies" : ", without cookies"
    find("ok", `a page of ${origin} can read the stream${withCookies}`)
    // EventSource itself needs no preflight; a client that sends a token does
    const names = ["authorization", "last-event-id"]
    const preflight = await ask(url, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "GET", "access-control-request-headers": names.join(",") },
    })
    const allowed = (preflight.get("access-control-allow-headers") ?? "").toLowerCase().split(/\s*,\s*/)
    const missing = names.filter((name) => !allowed.includes(name))
    if (isAllowed(preflight, origin) && missing.length === 0) {
      return find("ok", `the page can also send the headers ${names.join(" and ")}`)
    }
    const what = isAllowed(preflight, origin) ? missing.join(" and ") : names.join(" and ")
    find(
      "note",
      `the page cannot send the headers ${what}`,
      "answer OPTIONS with Access-Control-Allow-Headers, for clients that send a token",
    )
  } catch (error) {
    find("bad", unanswered(error), "check the URL, and that the server is running")
  }
}

async function ask(url: string, init: RequestInit): Promise<Headers> {
  const response = await fetch(url, { ...init, redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS) })
  await response.body?.cancel()
  return response.headers
}

const isAllowed = (headers: Headers, origin: string): boolean =>
  ["*", origin].includes(headers.get("access-control-allow-origin") ?? "")
