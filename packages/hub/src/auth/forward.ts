import { hash } from "node:crypto"
import type { IncomingMessage } from "node:http"
import { addressOf, callerOf } from "../caller.ts"
import { HttpError } from "../http-error.ts"
import { readText } from "../read-text.ts"
import { UsageError } from "../usage-error.ts"
import { Grants, toGrant } from "./grants.ts"
import type { AuthObserver } from "./observer.ts"
import { numberOf, type ForwardOptions } from "./options.ts"
import type { Principal } from "./principal.ts"
import { AuthRefusal, shown, unauthenticated } from "./refusal.ts"

/** Answers that are remembered, and questions that are open at once: of all, and of the requests of one caller. */
const MAX_KNOWN = 10_000
/** Most characters of the headers and answers that are remembered: a client can send long headers, each time others. */
const MAX_KNOWN_CHARS = 8 * 1024 ** 2
const MAX_OPEN = 100
const MAX_OPEN_OF_CALLER = MAX_OPEN / 4
/** Largest answer, in bytes. */
const MAX_ANSWER = 65_536

/** Asks a server of the application on whose behalf a request is made. */
export interface Forward {
  /**
   * Undefined for a request that has none of the headers. Throws, or rejects with, `AuthRefusal` 401 or 403, and `HttpError` 503.
   * @param check called before a question, because browsers may have added the headers by themselves
   */
  ask(req: IncomingMessage, check: () => void): Promise<Principal> | undefined
}

export interface ForwardSetting {
  readonly onError: (error: unknown) => void
  readonly observer?: AuthObserver | undefined
  /** The time in ms since 1970. */
  readonly now: () => number
  /** A monotonic time, in ms. @default performance.now */
  readonly monotonic?: () => number
}

/** An answer that is remembered. */
interface Known {
  readonly principal: Principal
  /** The length of the question and the answer, which the principal holds. */
  readonly chars: number
  readonly until: number
}

interface Question {
  readonly headers: Readonly<Record<string, string>>
  readonly address: string
}

/** Reads the options of forward auth. Throws {@link UsageError}. */
export function createForward(
  options: ForwardOptions,
  { onError, observer, now, monotonic = () => performance.now() }: ForwardSetting,
): Forward {
  const url = URL.parse(options.url)
  if (!url || !/^https?:$/.test(url.protocol)) throw new UsageError("auth.forward.url must be an http or https URL")
  const names = (options.headers ?? ["cookie"]).map((name) => name.toLowerCase())
  if (names.length === 0) throw new UsageError("auth.forward.headers must name a header")
  const recheck = numberOf("auth.forward.recheck", options.recheck, 60_000)
  // an answer that is due for a recheck is not one to remember
  const cache = Math.min(numberOf("auth.forward.cache", options.cache, 10_000), recheck)
  const timeout = numberOf("auth.forward.timeout", options.timeout, 2_000)
  /** In the order in which they expire. */
  const known = new Map<string, Known>()
  let knownChars = 0
  const open = new Map<string, Promise<Principal>>()
  const openByCaller = new Map<string, number>()

  /**
   * One question at a time for the same headers, however many requests have them.
   * @param caller whose request it is; without one it is about an open stream
   */
  function find(question: Question, caller?: string): Promise<Principal> {
    const digest = hash("sha256", JSON.stringify(question.headers), "base64url")
    const found = known.get(digest)
    if (found && found.until > monotonic()) return Promise.resolve(found.principal)
    const asking = open.get(digest)
    if (asking) return asking
    const ofCaller = caller === undefined ? 0 : (openByCaller.get(caller) ?? 0)
    if (open.size >= MAX_OPEN || ofCaller >= MAX_OPEN_OF_CALLER) return Promise.reject(unavailable())
    if (caller !== undefined) openByCaller.set(caller, ofCaller + 1)
    const askedAt = monotonic()
    const told = (outcome: "ok" | "refused" | "error"): void => observer?.onForwardAsked(monotonic() - askedAt, outcome)
    const answer: Promise<Principal> = send(question)
      .then(({ principal, chars }) => {
        told("ok")
        forget(digest)
        known.set(digest, { principal, chars, until: monotonic() + cache })
        knownChars += chars
        for (const [oldest, { until }] of known) {
          if (until > monotonic() && known.size <= MAX_KNOWN && knownChars <= MAX_KNOWN_CHARS) break
          forget(oldest)
        }
        return principal
      })
      .catch((error: unknown) => {
        told(error instanceof AuthRefusal ? "refused" : "error")
        throw error
      })
      .finally(() => {
        open.delete(digest)
        if (caller !== undefined) release(caller)
      })
    open.set(digest, answer)
    return answer
  }

  function forget(digest: string): void {
    knownChars -= known.get(digest)?.chars ?? 0
    known.delete(digest)
  }

  function release(caller: string): void {
    const left = (openByCaller.get(caller) ?? 1) - 1
    if (left > 0) openByCaller.set(caller, left)
    else openByCaller.delete(caller)
  }

  async function send(question: Question): Promise<Omit<Known, "until">> {
    try {
      const body = JSON.stringify(question)
      const response = await fetch(options.url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
        redirect: "error",
        signal: AbortSignal.timeout(timeout),
      })
      const text = await readText(response, MAX_ANSWER)
      if (response.status === 401) throw unauthenticated("the server of forward auth answered 401", "refused")
      if (response.status === 403) {
        const reason = "the server of forward auth answered 403"
        throw new AuthRefusal(403, "forbidden", "This is not allowed.", { reason, outcome: "refused" })
      }
      if (response.status !== 200) throw new Error(`it answered with status ${response.status}`)
      return { principal: principalOf(text, question), chars: body.length + text.length }
    } catch (error) {
      if (error instanceof AuthRefusal) throw error
      // the address may hold a password
      onError(
        new Error(
          `The server of forward auth at ${url?.host} cannot be used: ${error instanceof Error ? error.message : String(error)}`,
        ),
      )
      throw unavailable()
    }
  }

  /** Throws an Error for an answer that cannot be read. */
  function principalOf(text: string, question: Question): Principal {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
      throw new Error("it is not a JSON object")
    const answer = parsed as Readonly<Record<string, unknown>>
    const { userId, expiresIn } = answer
    if (userId !== undefined && (typeof userId !== "string" || userId === "" || userId.length > 256)) {
      throw new Error("its `userId` is not a text of 1 to 256 characters")
    }
    if (expiresIn !== undefined && !(typeof expiresIn === "number" && expiresIn > 0)) {
      throw new Error("its `expiresIn` is not a number of seconds")
    }
    const grantsOf = (name: string): Grants => {
      const list = answer[name] ?? []
      if (!Array.isArray(list)) throw new Error(`its \`${name}\` is not a list`)
      return new Grants(list.map((item: string) => toGrant(item)))
    }
    return {
      name: userId === undefined ? "a session of forward auth" : `user "${shown(userId)}" of forward auth`,
      method: "forward",
      issuer: "forward",
      ...(userId !== undefined && { userId }),
      grants: { publish: grantsOf("publish"), subscribe: grantsOf("subscribe") },
      expiresAt: expiresIn === undefined ? Infinity : now() + expiresIn * 1_000,
      issuedAt: now(),
      isAdmin: false,
      recheck: { at: now() + recheck, ask: () => find(question) },
    }
  }

  return {
    ask(req, check) {
      const headers: Record<string, string> = {}
      for (const name of names) {
        const value = req.headers[name]
        if (value !== undefined) headers[name] = String(value)
      }
      if (Object.keys(headers).length === 0) return undefined
      check()
      return find({ headers, address: addressOf(req) }, callerOf(req))
    },
  }
}

const unavailable = (): HttpError =>
  new HttpError(503, "auth_unavailable", "The hub cannot check sessions now. Try again later.", { "retry-after": "5" })
