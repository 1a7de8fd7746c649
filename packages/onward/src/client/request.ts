import { CONTROL_CHARACTER } from "../control-characters.ts"
import { idToHeader, MAX_ID_BYTES } from "../event-id.ts"
import { OnwardError, type OnwardErrorCode } from "../errors.ts"

/** One attempt to connect, which functions given as options receive. */
export interface Attempt {
  /** 0 for the first attempt, then 1, 2, … */
  readonly number: number
  /** The id after which the server is asked to resume; "" for none. */
  readonly lastEventId: string
  /** The error that ended the previous attempt; undefined for the first. */
  readonly error: OnwardError | undefined
}

/** The options that `fetch` receives. `headers` is a plain object, so that `{ ...init.headers, authorization }` keeps them. */
export interface FetchInit extends RequestInit {
  headers: Record<string, string>
}

/** A function that sends requests, such as the platform's `fetch`. */
export type FetchLike = (url: string, init: FetchInit) => Promise<FetchedResponse>

/** The parts of a response that the client uses. */
export interface FetchedResponse {
  readonly status: number
  /** The URL after redirects; "" if unknown. */
  readonly url: string
  readonly type?: string
  readonly headers: { get(name: string): string | null }
  readonly body: { getReader(): ByteReader } | null
}

/** The parts of a `ReadableStreamDefaultReader` that the client uses. */
export interface ByteReader {
  cancel(): Promise<void>
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>
}

/** A body as `fetch` takes it. `BodyInit` needs TypeScript's DOM library. */
export type RequestBody = NonNullable<RequestInit["body"]>

/** Headers as `fetch` takes them. `HeadersInit` needs TypeScript's DOM library. */
export type RequestHeaders = NonNullable<RequestInit["headers"]>

/** When cookies are sent, as for `fetch`. `RequestCredentials` needs TypeScript's DOM library. */
export type CredentialsMode = "omit" | "same-origin" | "include"

export interface RequestOptions {
  /** The method of the request. @default "GET", or "POST" with a `body` */
  readonly method?: string
  /**
   * Request headers. A function is called for each attempt, and once more after a 401. They are not sent to another origin: Node drops them
   * when a redirect leads there; in browsers, a redirect fails if there are headers that the browser would not drop.
   */
  readonly headers?: RequestHeaders | ((attempt: Attempt) => RequestHeaders | Promise<RequestHeaders>)
  /** The request body. A function is called for each attempt. */
  readonly body?: RequestBody | ((attempt: Attempt) => RequestBody | Promise<RequestBody>) | undefined
  /** The function that sends requests. @default the platform's `fetch`; in Node one on `node:http`, which is faster and never ends quiet streams */
  readonly fetch?: FetchLike
  /** When cookies are sent, as for `fetch`. @default "same-origin" */
  readonly credentials?: CredentialsMode
  /** Ends the stream when aborted. */
  readonly signal?: AbortSignal
  /** The id after which the stream starts. @default "" */
  readonly lastEventId?: string
  /**
   * Whether to ask proxies not to buffer the stream, with the header `Incremental: ?1` (RFC 10036). It is not sent to another origin, because it
   * would cause a CORS preflight. @default true
   */
  readonly incremental?: boolean
  /** Maximum length of an event, in UTF-16 units; in Node in UTF-8 bytes. @default 16_777_216 */
  readonly maxEventChars?: number
}

/** Headers that browsers drop on a redirect to another origin (Fetch section 4.4), or that contain nothing secret. */
const HARMLESS = /^(accept|authorization$|cache-control|content-|incremental|last-event-id)/

/**
 * Whether an id arrives at the server unchanged in a header. The client accepts ids of any server; most are plain ASCII, which the first test
 * accepts.
 */
export const canSend = (id: string): boolean =>
  id.length <= MAX_ID_BYTES &&
  (/^[!-~]*$/.test(id) || (!CONTROL_CHARACTER.test(id) && id === id.trim() && idToHeader(id).length <= MAX_ID_BYTES))

/** Returns the `fetch` options of one attempt: the headers of WHATWG HTML section 9.2.2, then the caller's. */
export async function initOf(
  options: RequestOptions,
  url: string,
  attempt: Attempt,
  isResume: boolean,
): Promise<FetchInit> {
  const { headers: given, body: source, credentials = "same-origin", incremental = true } = options
  const headers = headersOf(await resolveOption(given, attempt))
  if (!headers.has("accept")) headers.set("accept", "text/event-stream")
  if (incremental && !isForeign(url)) headers.set("incremental", "?1")
  if (attempt.lastEventId !== "") headers.set("last-event-id", idToHeader(attempt.lastEventId))
  const init: FetchInit = { method: "GET", headers: Object.fromEntries(headers), credentials, cache: "no-store" }
  if (!isResume) {
    init.method = methodOf(options)
    init.body = (await resolveOption(source, attempt)) ?? null
  }
  if (Object.keys(init.headers).some((name) => !HARMLESS.test(name))) init.redirect = "manual"
  return init
}

/** Returns an option's value for this attempt. A function that fails, for instance to get a token, is a network error: a retry can succeed. */
const resolveOption = async <T>(given: T | ((attempt: Attempt) => T | Promise<T>) | undefined, attempt: Attempt) =>
  typeof given === "function"
    ? Promise.resolve(attempt)
        .then(given as (attempt: Attempt) => T)
        .catch(failed)
    : given

/** Replaces the platform's error, because its message contains the value. */
function headersOf(given: RequestHeaders | undefined): Headers {
  try {
    return new Headers(given)
  } catch {
    throw fault("invalid_request", "A header has a name or a value that HTTP forbids. Correct `headers`.")
  }
}

/** Sends one request. Resolves when the head of the response arrives. */
export async function request(fetch: FetchLike, url: string, init: FetchInit): Promise<FetchedResponse> {
  const response = await Promise.resolve(init)
    .then((init) => fetch(url, init))
    .catch((cause: unknown) => {
      const mistake = mistakeIn(url, init)
      if (cause instanceof OnwardError || !mistake) failed(cause)
      throw fault("invalid_request", mistake)
    })
  if (typeof response?.headers?.get === "function") return response
  throw fault("invalid_request", "`fetch` returned no Response. Return one like the platform's `fetch`.")
}

/**
 * Returns what is wrong with a request that failed, or undefined if the network failed: `fetch` throws the same error for both, `new Request`
 * only for mistakes. The text contains no secret, so of the URL only the scheme.
 */
function mistakeIn(url: string, { body, signal: _, ...init }: FetchInit): string | undefined {
  if (!/^(https?|data|blob):/i.test(url)) return `The URL begins with "${url.split(":")[0]}:". ${URL_ADVICE}`
  if (/^\w+:\/\/[^/?#]*@/.test(url)) return 'The URL has a password. Send it in the header "authorization".'
  try {
    new Request(url, body ? { ...init, body: "" } : init)
  } catch (error) {
    return `${(error as Error).message}. Correct the options.`
  }
}

export const URL_ADVICE = 'Use an absolute URL like "http://localhost:3000/events".'

/** Returns the absolute URL, relative to the page or worker. Throws a `TypeError` if it is not a URL. */
export function hrefOf(
  url: string | URL,
  base: string | undefined = globalThis.document?.baseURI ?? globalThis.location?.href,
): string {
  // its `URL` appends a slash
  if (globalThis.navigator?.product === "ReactNative") return `${url}`
  try {
    return new URL(url, base).href
  } catch {
    const shown = `${url}`.replace(/[?#].*|[^/]*@/g, "")
    throw new TypeError(`"${shown}" is not a URL${base ? "" : " outside a page"}. ${URL_ADVICE}`)
  }
}

/** Returns scheme, host and port, without `URL`, because React Native's does not have them. */
export const originOf = (href: string): string | undefined => /^[^:]+:\/\/[^/?#]*/.exec(href)?.[0]

/** Adds a query parameter, without `URL`, because React Native's cannot. */
export function withQuery(href: string, parameter: string): string {
  const [url = ""] = href.split("#")
  return `${url}${url.includes("?") ? "&" : "?"}${parameter}`
}

/**
 * Adds the id to resume after as a query parameter. As a header, it causes a CORS preflight to another origin, which routes for GET alone do
 * not answer.
 */
export const withId = (href: string, id: string): string =>
  withQuery(href.replace(/([?&])last_event_id=[^&#]*&?/g, "$1"), `last_event_id=${encodeURIComponent(id)}`)

/**
 * Whether a page sends this request to another origin. A sandboxed page has an opaque origin (WHATWG HTML), which `location` does not show.
 */
function isForeign(href: string): boolean {
  // workerd has a global `origin`, but no page
  const url = globalThis.location?.origin
  return Boolean(url) && (globalThis.origin ?? url) !== originOf(href)
}

/** Whether a page sends a GET to another origin. Only its headers can cause a CORS preflight. */
export const isForeignGet = (href: string, method: string): boolean => method === "GET" && isForeign(href)

export const methodOf = ({ method, body }: RequestOptions): string =>
  (method ?? (body === undefined ? "GET" : "POST")).toUpperCase()

/** Throws if the response is not an event stream. */
export function checkResponse({ status, type, headers, body }: FetchedResponse): void {
  if (type === "opaqueredirect" || (status > 300 && status < 400 && headers.get("location") !== null)) {
    throw fault("redirect_refused", "A redirect would forward your headers. Use the final URL.", status)
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
      "The response's body is not a web stream. Use a `fetch` that streams, or `pollingFetch`.",
    )
  }
}

/** Creates an error of the exchange with the server; `status` is 0 without a response. */
export const fault = (code: OnwardErrorCode, message: string, status = 0, cause?: unknown): OnwardError =>
  new OnwardError(code, message, cause ? { status, cause } : { status })

/** Throws `cause` as a network error. The messages of platforms differ, so no code tests them. */
export function failed(cause: unknown): never {
  if (cause instanceof OnwardError) throw cause
  const { message, code } = systemErrorOf(cause)
  throw fault("network_error", `The connection failed: ${message || code}. Check the server.`, 0, cause)
}

/** Returns the system's error. In Node it is the cause of the error of `fetch`, or the first of those for each address. */
function systemErrorOf(error: unknown): { message?: string; code?: string; syscall?: string } {
  const { cause, errors } = Object(error) as { cause?: unknown; errors?: unknown[] }
  const below = cause ?? errors?.[0]
  return below ? systemErrorOf(below) : Object(error)
}

/** Whether a request failed before it was sent, as far as the platform reports it. */
export const isUnsent = (error: OnwardError | undefined): boolean =>
  /^(connect|getaddrinfo)$/.test(systemErrorOf(error).syscall ?? "")
