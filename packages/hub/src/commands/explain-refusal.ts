import { readText } from "../read-text.ts"
import type { Server } from "./server.ts"

const TIMEOUT_MS = 5_000
/** Maximum size of a response that is read for its explanation, in bytes. */
const MAX_BYTES = 16_384

/** The error in a hub's response, as text for people; undefined for another response. */
export function messageOf(body: string): string | undefined {
  try {
    const { error } = JSON.parse(body) as { readonly error?: { code?: unknown; message?: unknown } }
    return typeof error?.message === "string" ? `${error.message} (${String(error.code)})` : undefined
  } catch {
    return undefined
  }
}

/** Asks a hub again for the reason with which it refused a stream, because a refused stream has no body. */
export async function explainRefusal({ headers }: Server, url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, {
      // an EventSource beyond a limit gets an empty stream, without a reason
      headers: { ...headers, accept: "*/*" },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: "manual",
    })
    if (response.status === 200) return void (await response.body?.cancel())
    return messageOf(await readText(response, MAX_BYTES))
  } catch {
    return undefined
  }
}
