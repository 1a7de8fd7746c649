import { decodeJwt, decodeProtectedHeader } from "jose"
import { HttpError } from "../http-error.ts"
import { showGrant, type Grants } from "./grants.ts"
import type { Action, Principal } from "./principal.ts"
import { AuthRefusal } from "./refusal.ts"

/** The topics and patterns that an operator asks about. */
export type Asked = Readonly<Record<Action, readonly string[]>>

/** Whether one topic or pattern is granted, and why. */
export interface Decision {
  readonly action: Action
  readonly topic: string
  readonly isGranted: boolean
  /** The grant that covers it, or why none does. */
  readonly why: string
}

/** What a hub makes of a credential, for its operator. */
export interface Explanation {
  readonly kind: "token" | "key" | "none"
  /** The parts of a token, which can be read without its key. */
  readonly header?: object
  readonly claims?: object
  readonly isAccepted: boolean
  /** Why it is refused, as in the hub's log. */
  readonly reason?: string
  readonly name?: string
  readonly userId?: string
  readonly isAdmin?: boolean
  /** When the grants end, in ms since 1970; null if they do not end. */
  readonly expiresAt?: number | null
  /** Where the grants of a token come from. */
  readonly sources: readonly string[]
  readonly grants: Readonly<Record<Action, readonly string[]>>
  readonly decisions: readonly Decision[]
}

/** What judges a credential of type `C`. */
interface Judge<C> {
  /** Throws, or rejects with, `AuthRefusal` and `HttpError` 503. */
  readonly verify: (credential: C) => Principal | Promise<Principal>
  readonly explainGrants: (token: string) => readonly string[]
}

const ACTIONS: readonly Action[] = ["publish", "subscribe"]

/** Decodes a credential, lets the hub judge it, and says why it is refused, or why it allows each topic or not. */
export async function explainCredential<C extends string | undefined>(
  credential: C,
  asked: Asked,
  { verify, explainGrants }: Judge<C>,
): Promise<Explanation> {
  const parts = partsOf(credential)
  const kind = credential === undefined ? "none" : parts ? "token" : "key"
  try {
    const principal = await verify(credential)
    const { name, userId, isAdmin, expiresAt, grants } = principal
    return {
      kind,
      ...parts,
      isAccepted: true,
      name,
      ...(userId !== undefined && { userId }),
      isAdmin,
      expiresAt: expiresAt === Infinity ? null : expiresAt,
      sources: parts && credential !== undefined ? explainGrants(credential) : [],
      grants: { publish: listOf(grants.publish), subscribe: listOf(grants.subscribe) },
      decisions: decisionsFor(asked, (action, topic) => decide(grants[action], topic)),
    }
  } catch (error) {
    if (!(error instanceof HttpError)) throw error
    const reason = error instanceof AuthRefusal ? error.reason : error.message
    return {
      kind,
      ...parts,
      isAccepted: false,
      reason,
      sources: [],
      grants: { publish: [], subscribe: [] },
      decisions: decisionsFor(asked, () => ({ isGranted: false, why: "the credential is not accepted" })),
    }
  }
}

type Verdict = Pick<Decision, "isGranted" | "why">

function decisionsFor(asked: Asked, decide: (action: Action, topic: string) => Verdict): Decision[] {
  return ACTIONS.flatMap((action) => asked[action].map((topic) => ({ action, topic, ...decide(action, topic) })))
}

function decide(grants: Grants, topic: string): Verdict {
  const grant = grants.coveredBy(topic)
  if (grant !== undefined) return { isGranted: true, why: `the grant ${showGrant(grant)} covers it` }
  return { isGranted: false, why: whyNot(grants, topic) }
}

function whyNot(grants: Grants, topic: string): string {
  if (topic.startsWith("stream.")) return "topics that start with stream. are reserved"
  if (grants.size === 0) return "nothing is granted for this action"
  return `none of the grants ${grants.toString()} covers it`
}

/** The parts of a token; undefined for what is not one. */
function partsOf(token: string | undefined): { readonly header: object; readonly claims: object } | undefined {
  if (token === undefined) return undefined
  try {
    return { header: decodeProtectedHeader(token), claims: decodeJwt(token) }
  } catch {
    return undefined
  }
}

const listOf = (grants: Grants): string[] => [...grants].map(showGrant)
