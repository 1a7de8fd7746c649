import { CONTROL_CHARACTER } from "../control-characters.ts"
import { idToHeader, MAX_ID_BYTES } from "../event-id.ts"
import { OnwardError, type OnwardErrorCode } from "../errors.ts"

/** One try to connect, as functions given as options see it. */
export interface Attempt {
  /** 0 for the first, then 1, 2, … */
  readonly number: number
  /** What the server is asked to carry on after; "" when nothing is known. */
  readonly lastEventId: string
  /** What ended the attempt before this one; undefined for the first. */
  readonly error: OnwardError | undefined
}

/** How a `fetch` is called: with headers as a plain object, so that `{ ...init.headers, authorization }` keeps them. */
export interface FetchInit extends RequestInit {
  headers: Record<string, string>
}

/** What is asked of a `fetch`; that of the platform fits. */
export type FetchLike = (url: string, init: FetchInit) => Promise<FetchedResponse>

/** What is used of its answer. */
export interface FetchedResponse {
  readonly status: number
  /** Where redirects led; "" when unknown. */
  readonly url: string
  readonly type?: string
  readonly headers: { get(name: string): string | null }
  readonly body: { getReader(): ByteReader } | null
}

export interface ByteReader {
  cancel(): Promise<void>
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>
}

export type RequestBody = NonNullable<RequestInit["body"]>

/** Headers as `fetch` takes them. `HeadersInit` needs TypeScript's DOM library. */
export type RequestHeaders = NonNullable<RequestInit["headers"]>

/** When cookies are sent, as for `fetch`. `RequestCredentials` needs TypeScript's DOM library. */
export type CredentialsMode = "omit" | "same-origin" | "include"

export interface RequestOptions {
  /** @default "GET", or "POST" when there is a `body` */
  readonly method?: string
  /**
   * Request headers. A function is called for each attempt, and once more after a 401. Headers stay with their origin: a redirect to
   * another origin drops `authorization`. In browsers, which follow redirects themselves, a redirect is refused if there are headers that
   * the browser would not drop.
   */
  readonly headers?: RequestHeaders | ((attempt: Attempt) => RequestHeaders | Promise<RequestHeaders>)
  /** The body of each attempt; a function makes it anew. */
  readonly body?: RequestBody | ((attempt: Attempt) => RequestBody | Promise<RequestBody>) | undefined
  /** @default the platform's; in Node `node:http`, which neither ends quiet streams nor costs as much */
  readonly fetch?: FetchLike
  /** @default "same-origin" */
  readonly credentials?: CredentialsMode
  /** Ends everything. */
  readonly signal?: AbortSignal
  /** Where to start: after this id. @default "" */
  readonly lastEventId?: string
  /**
   * Asks proxies not to buffer the stream, by `Incremental: ?1` (RFC 10036). Not sent to another origin, because it would cause a CORS
   * preflight. @default true
   */
  readonly incremental?: boolean
  /** The maximum length of an event, in UTF-16 units; in Node in UTF-8 bytes. @default 16 Mi */
  readonly maxEventChars?: number
}

/** Names that platforms drop on the way to another origin (Fetch section 4.4), or that give nothing away. */
const HARMLESS = /^(accept|authorization$|cache-control|content-|incremental|last-event-id)/

/**
 * Whether an id comes back to a server as it is, in a header: of the rule for ids what concerns a client, which takes them from any server. Most ids
 * are plain ASCII, and known to be fine at once.
 */
export const canSend = (id: string): boolean =>
  id.length <= MAX_ID_BYTES &&
  (/^[!-~]*$/.test(id) || (!CONTROL_CHARACTER.test(id) && id === id.trim() && idToHeader(id).length <= MAX_ID_BYTES))

/** The request of one attempt: its headers are those of WHATWG HTML section 9.2.2, then the caller's. */
export async function initOf(
  options: RequestOptions,
  url: string,
  attempt: Attempt,
  isResume: boolean,
): Promise<FetchInit> {
  const { headers: given, body: source, credentials = "same-origin", incremental = true } = options
  const headers = headersOf(await made(given, attempt))
  if (!headers.has("accept")) headers.set("accept", "text/event-stream")
  if (incremental && !isForeign(url)) headers.set("incremental", "?1")
  if (attempt.lastEventId !== "") headers.set("last-event-id", idToHeader(attempt.lastEventId))
  const init: FetchInit = { method: "GET", headers: Object.fromEntries(headers), credentials, cache: "no-store" }
  if (!isResume) {
    init.method = methodOf(options)
    init.body = (await made(source, attempt)) ?? null
  }
  if (Object.keys(init.headers).some((name) => !HARMLESS.test(name))) init.redirect = "manual"
  return init
}

/** What an option is at this attempt. What cannot be had now, a token for instance, may be had later. */
const made = async <T>(given: T | ((attempt: Attempt) => T | Promise<T>) | undefined, attempt: Attempt) =>
  typeof given === "function"
    ? Promise.resolve(attempt)
        .then(given as (attempt: Attempt) => T)
        .catch(failed)
    : given

/** The platform's error would name the value. */
function headersOf(given: RequestHeaders | undefined): Headers {
  try {
    return new Headers(given)
  } catch {
    throw fault("invalid_request", "A header has a name or a value that HTTP forbids. Correct `headers`.")
  }
}

/** One request, up to the head of its answer. */
export async function request(fetch: FetchLike, url: string, init: FetchInit): Promise<FetchedResponse> {
  const response = await Promise.resolve(init)
    .then((init) => fetch(url, init))
    .catch((cause: unknown) => {
      const mistake = mistakeIn(url, init)
      if (cause instanceof OnwardError || !mistake) failed(cause)
      throw fault("invalid_request", mistake)
    })
  if (typeof response?.headers?.get === "function") return response
  throw fault("invalid_request", "`fetch` returned no Response. Return that of the platform's `fetch`.")
}

/**
 * What is wrong with a request that failed: of mistakes and of the network `fetch` tells by the same error, `Request` of mistakes alone. No word of
 * what may be secret: of a URL only how it begins.
 */
function mistakeIn(url: string, { body, signal: _, ...init }: FetchInit): string | undefined {
  if (!/^(https?|data|blob):/i.test(url)) return `The URL begins with "${url.split(":")[0]}:". ${WHOLE_URL}`
  if (/^\w+:\/\/[^/?#]*@/.test(url)) return 'The URL has a password. Send it in the header "authorization".'
  try {
    new Request(url, body ? { ...init, body: "" } : init)
  } catch (error) {
    return `${(error as Error).message}. Correct the options.`
  }
}

export const WHOLE_URL = 'Give a whole one, like "http://localhost:3000/events".'

/** Absolute, as the page or worker this runs in sees it. Throws `TypeError` for what is no URL. */
export function hrefOf(
  url: string | URL,
  base: string | undefined = globalThis.document?.baseURI ?? globalThis.location?.href,
): string {
  // its URL adds a slash
  if (globalThis.navigator?.product === "ReactNative") return `${url}`
  try {
    return new URL(url, base).href
  } catch {
    const shown = `${url}`.replace(/[?#].*|[^/]*@/g, "")
    throw new TypeError(`"${shown}" is not a URL${base ? "" : " without a page"}. ${WHOLE_URL}`)
  }
}

/** Scheme, host and port. By hand, because the `URL` of React Native does not know them. */
export const originOf = (href: string): string | undefined => /^[^:]+:\/\/[^/?#]*/.exec(href)?.[0]

/** With one more parameter. By hand, because the `URL` of React Native cannot set any. */
export function withQuery(href: string, parameter: string): string {
  const [url = ""] = href.split("#")
  return `${url}${url.includes("?") ? "&" : "?"}${parameter}`
}

/**
 * With the id to resume after. As a header it makes browsers ask a server of another origin first, by a CORS preflight, which routes for GET
 * alone do not answer.
 */
export const withId = (href: string, id: string): string =>
  withQuery(href.replace(/([?&])last_event_id=[^&#]*&?/g, "$1"), `last_event_id=${encodeURIComponent(id)}`)

/**
 * Whether a request goes from a page to another origin. A page in a sandbox has an origin of its own, which `location` does not tell (HTML,
 * "opaque origin").
 */
function isForeign(href: string): boolean {
  // workerd has an `origin`, and no page
  const url = globalThis.location?.origin
  return Boolean(url) && (globalThis.origin ?? url) !== originOf(href)
}

/** Whether a request goes from a page to another origin, and needs no preflight but for its headers. */
export const isForeignGet = (href: string, method: string): boolean => method === "GET" && isForeign(href)

export const methodOf = ({ method, body }: RequestOptions): string =>
  (method ?? (body === undefined ? "GET" : "POST")).toUpperCase()

/** Whether the answer is an event stream; throws what it is otherwise. */
export function checkResponse({ status, type, headers, body }: FetchedResponse): void {
  if (type === "opaqueredirect" || (status > 300 && status < 400 && headers.get("location") !== null)) {
    throw fault("redirect_refused", "Your headers do not follow a redirect. Use the final URL.", status)
  }
  if (status !== 200)
    throw fault("bad_status", `The server answered with status ${status}, not 200. See its log.`, status)
  const contentType = headers.get("content-type") ?? ""
  if (!/^\s*text\/event-stream\s*(;|$)/i.test(contentType)) {
    throw fault("bad_content_type", `The server sent "${contentType}", not text/event-stream. Check the URL.`, status)
  }
  if (body !== null && !body?.getReader) {
    throw fault(
      "invalid_request",
      "The body is no web stream. Give a `fetch` that streams, or `pollingFetch` of onward/client.",
    )
  }
}

/** What went wrong between this client and its server; `status` is 0 where there was no answer. */
export const fault = (code: OnwardErrorCode, message: string, status = 0, cause?: unknown): OnwardError =>
  new OnwardError(code, message, cause ? { status, cause } : { status })

/** Throws it as a network error. Platforms word those differently, so they are never told apart by their words. */
export function failed(cause: unknown): never {
  if (cause instanceof OnwardError) throw cause
  const { message, code } = systemErrorOf(cause)
  throw fault("network_error", `The connection failed: ${message || code}. Check the server.`, 0, cause)
}

/** Below an error of `fetch` is that of the system, in Node, and below that one for each address that was tried. */
function systemErrorOf(error: unknown): { message?: string; code?: string; syscall?: string } {
  const { cause, errors } = Object(error) as { cause?: unknown; errors?: unknown[] }
  const below = cause ?? errors?.[0]
  return below ? systemErrorOf(below) : Object(error)
}

/** Whether a request failed before any of it was sent, as far as the platform says so. */
export const isUnsent = (error: OnwardError | undefined): boolean =>
  /^(connect|getaddrinfo)$/.test(systemErrorOf(error).syscall ?? "")
