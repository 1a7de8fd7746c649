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

/** What is asked of a `fetch`; that of the platform fits. */
export type FetchLike = (url: string, init: RequestInit) => Promise<FetchedResponse>

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

export type Body = NonNullable<RequestInit["body"]>

export interface RequestOptions {
  /** @default "GET", or "POST" when there is a `body` */
  readonly method?: string
  /**
   * Request headers. A function is called for each attempt, and once more at once when the answer is 401. Whatever they hold
   * stays with the origin they were meant for: over a redirect to another one `authorization` is dropped, and where the
   * platform follows redirects by itself (browsers), a redirect is refused when there are headers it would not drop.
   */
  readonly headers?: HeadersInit | ((attempt: Attempt) => HeadersInit | Promise<HeadersInit>)
  /** The body of each attempt; a function makes it anew. */
  readonly body?: Body | ((attempt: Attempt) => Body | Promise<Body>) | undefined
  /** @default the platform's; in Node `node:http`, which neither ends quiet streams nor costs as much */
  readonly fetch?: FetchLike
  /** @default "same-origin" */
  readonly credentials?: RequestCredentials
  /** Ends everything. */
  readonly signal?: AbortSignal
  /** Where to begin: the server is asked for what came after this id. @default "" */
  readonly lastEventId?: string
  /** The longest event, in UTF-16 units; in Node in bytes of UTF-8. @default 16 Mi */
  readonly maxEventLength?: number
}

/** Names that platforms drop on the way to another origin (Fetch section 4.4), or that give nothing away. */
const HARMLESS = /^(accept|authorization$|cache-control|content-|last-event-id)/

/** The request of one attempt: its headers are those of WHATWG HTML section 9.2.2, then the caller's. */
export async function initOf(options: RequestOptions, attempt: Attempt, isResume: boolean): Promise<RequestInit> {
  const { headers: given, body: source, credentials = "same-origin" } = options
  const headers = new Headers(typeof given === "function" ? await given(attempt) : given)
  if (!headers.has("accept")) headers.set("accept", "text/event-stream")
  if (attempt.lastEventId !== "") headers.set("last-event-id", toHeader(attempt.lastEventId))
  const init: RequestInit = { method: "GET", headers, credentials, cache: "no-store" }
  if (!isResume) {
    init.method = methodOf(options)
    init.body = (typeof source === "function" ? await source(attempt) : source) ?? null
  }
  if ([...headers.keys()].some((name) => !HARMLESS.test(name))) init.redirect = "manual"
  return init
}

/** Absolute, as the page or worker this runs in sees it. Throws `TypeError` for what is no URL. */
export const hrefOf = (url: string | URL): string =>
  new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href).href

export const methodOf = ({ method, body }: RequestOptions): string => method ?? (body === undefined ? "GET" : "POST")

/** Whether the answer is an event stream; throws what it is otherwise. */
export function checkResponse({ status, type, headers }: FetchedResponse): void {
  if (type === "opaqueredirect" || (status > 300 && status < 400 && headers.get("location") !== null)) {
    throw fault("redirect_refused", "headers of your own do not follow a redirect: use the final URL", status)
  }
  if (status !== 200) throw fault("bad_status", `the server answered with status ${status}`, status)
  const contentType = headers.get("content-type") ?? ""
  if (!/^\s*text\/event-stream\s*(;|$)/i.test(contentType)) {
    throw fault("bad_content_type", `the server sent "${contentType}", not text/event-stream`, status)
  }
}

/** What went wrong between this client and its server; `status` is 0 where there was no answer. */
export const fault = (code: OnwardErrorCode, message: string, status = 0, cause?: unknown): OnwardError =>
  new OnwardError(code, message, cause ? { status, cause } : { status })

/** Ids are sent as UTF-8 (WHATWG HTML section 9.2.4), and to `fetch` a character of a header is a byte. */
const toHeader = (id: string): string =>
  new TextEncoder().encode(id).reduce((text, byte) => text + String.fromCharCode(byte), "")
