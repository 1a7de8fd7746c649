import { decodeJwt, decodeProtectedHeader } from "jose"
import { AuthRefusal, verifyCredential, type Action, type AuthOptions, type Principal } from "../auth/index.ts"
import { HttpError } from "../http-error.ts"
import { printable } from "../printable.ts"

export interface CheckOptions {
  readonly config: string | undefined
  /** The token, or `-` for standard input. */
  readonly token: string
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
}

interface Checked {
  readonly lines: readonly string[]
  /** Whether the token is accepted, and grants all that was asked for. */
  readonly isGranted: boolean
}

/** `onward token check`: what a hub with this configuration makes of a token or key. Throws `UsageError` for the configuration. */
export async function checkToken(token: string, options: CheckOptions, auth: AuthOptions = {}): Promise<Checked> {
  const lines = describeParts(token)
  try {
    const principal = await verifyCredential(token, auth)
    const answers = (["publish", "subscribe"] as const).flatMap((action) =>
      options[action].map((topic) => ({ action, topic, isGranted: principal.grants[action].covers(topic) })),
    )
    return {
      lines: [...lines, ...describe(principal), ...answers.map(tell)],
      isGranted: answers.every(({ isGranted }) => isGranted),
    }
  } catch (error) {
    if (!(error instanceof HttpError)) throw error
    const reason = error instanceof AuthRefusal ? error.reason : error.message
    return { lines: [...lines, `BAD   ${reason}`], isGranted: false }
  }
}

/** The parts of a token, which are readable without its key. */
function describeParts(token: string): string[] {
  try {
    const parts = { header: decodeProtectedHeader(token), claims: decodeJwt(token) }
    return Object.entries(parts).map(([name, part]) => `${name.padEnd(6)} ${printable(JSON.stringify(part))}`)
  } catch {
    return []
  }
}

function describe({ name, grants, expiresAt }: Principal): string[] {
  const end = expiresAt === Infinity ? "does not expire" : `expires ${new Date(expiresAt).toISOString()}`
  return [
    `ok    ${name}, ${end}`,
    `ok    may publish ${grants.publish.toString()}`,
    `ok    may subscribe ${grants.subscribe.toString()}`,
  ]
}

const tell = ({ action, topic, isGranted }: { action: Action; topic: string; isGranted: boolean }): string =>
  `${isGranted ? "ok   " : "BAD  "} ${isGranted ? "may" : "may not"} ${action} "${printable(topic)}"`
