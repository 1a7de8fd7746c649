import { explainOffline, type AuthOptions, type Decision, type Explanation } from "../auth/index.ts"
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
  const { publish, subscribe } = options
  const explanation = await explainOffline(token, { publish, subscribe }, auth)
  const { header, claims, isAccepted, reason, decisions } = explanation
  const parts = Object.entries({ header, claims }).filter(([, part]) => part !== undefined)
  const lines = parts.map(([name, part]) => `${name.padEnd(6)} ${printable(JSON.stringify(part))}`)
  if (!isAccepted) return { lines: [...lines, `BAD   ${reason}`], isGranted: false }
  return {
    lines: [...lines, ...describe(explanation), ...decisions.map(tell)],
    isGranted: decisions.every(({ isGranted }) => isGranted),
  }
}

function describe({ name, grants, expiresAt, sources }: Explanation): string[] {
  const end = typeof expiresAt === "number" ? `expires ${new Date(expiresAt).toISOString()}` : "does not expire"
  return [
    `ok    ${name}, ${end}`,
    ...sources.map((source) => `ok    ${source}`),
    `ok    may publish ${listed(grants.publish)}`,
    `ok    may subscribe ${listed(grants.subscribe)}`,
  ]
}

function listed(grants: readonly string[]): string {
  const more = grants.length - MAX_LISTED
  return `[${grants.slice(0, MAX_LISTED).join(", ")}${more > 0 ? `, and ${more} more` : ""}]`
}

const MAX_LISTED = 10

const tell = ({ action, topic, isGranted, why }: Decision): string =>
  `${isGranted ? "ok   " : "BAD  "} ${isGranted ? "may" : "may not"} ${action} "${printable(topic)}": ${why}`
