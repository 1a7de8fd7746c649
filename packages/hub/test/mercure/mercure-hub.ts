import type { TestContext } from "node:test"
import { SignJWT, type JWTPayload } from "jose"
import { parse, type ParsedEvent } from "onward/protocol"
import { testServer, type TestServer } from "../server.ts"

export const KEY = "a secret of more than thirty-two bytes, for both"
export const ISSUER = "https://app.example.com"
export const RESOURCE = "https://hub.example.com/.well-known/mercure"
export const DETAIL = "https://mercure.rocks/authorization-detail"

/** Keys for both dialects. */
export const KEYS = {
  publisher: { key: KEY },
  subscriber: { key: KEY },
  issuers: [{ issuer: ISSUER, secret: KEY }],
  resource: RESOURCE,
  anonymous: true,
}

export type Dialect = 0 | 1
export const DIALECTS = [0, 1] as const

export interface MercureHub extends TestServer {
  /** The URL of the endpoint. */
  readonly hub: string
}

type Settings = NonNullable<Parameters<typeof testServer>[1]>

/** Starts a hub with a Mercure endpoint: with keys for both dialects and anonymous subscribers, unless the settings say otherwise. */
export async function mercureHub(
  t: TestContext,
  mercure: Readonly<Record<string, unknown>> = {},
  settings: Settings = {},
): Promise<MercureHub> {
  const server = await testServer(t, { ...testLog(), mercure: { ...KEYS, ...mercure }, ...settings })
  return { ...server, hub: `${server.url}/.well-known/mercure` }
}

let databases = 0

/** The log of a hub that a test does not choose: memory, or as `every-log.long.test.ts` says: a file, or a database of a Redis server for each hub. */
function testLog(): Settings {
  const chosen = process.env["MERCURE_TEST_LOG"]
  if (chosen === "sqlite") return {}
  return { log: chosen === undefined ? "memory:" : `${chosen}/${databases++}` }
}

export interface GrantsOf {
  readonly publish?: readonly string[] | undefined
  readonly subscribe?: readonly string[] | undefined
  readonly payload?: unknown
  /** Further claims, or other values of claims. */
  readonly claims?: Readonly<Record<string, unknown>>
  readonly header?: Readonly<Record<string, unknown>>
  readonly key?: string
}

const inFiveMinutes = (): number => Math.floor(Date.now() / 1_000) + 300

/** A token of a dialect. In 1.0 a grant that contains `:` or `*` within is a URL pattern, in 0.x a template or a topic. */
export function tokenOf(
  dialect: Dialect,
  { publish, subscribe, payload, claims, header, key = KEY }: GrantsOf = {},
): Promise<string> {
  const own = dialect === 0 ? { mercure: { publish, subscribe, payload } } : detailsOf({ publish, subscribe, payload })
  return new SignJWT({ ...own, ...claims })
    .setProtectedHeader({ alg: "HS256", ...(dialect === 1 && { typ: "at+jwt" }), ...header })
    .sign(Buffer.from(key))
}

function detailsOf({ publish = [], subscribe = [], payload }: GrantsOf): JWTPayload {
  const detail = (action: string, topics: readonly string[]): object[] =>
    topics.length === 0
      ? []
      : [{ type: DETAIL, actions: [action], topics: topics.map(toMatch), ...(payload !== undefined && { payload }) }]
  return {
    iss: ISSUER,
    aud: RESOURCE,
    exp: inFiveMinutes(),
    authorization_details: [...detail("publish", publish), ...detail("subscribe", subscribe)],
  }
}

const toMatch = (match: string): object => ({ match, ...(/\/:|.\*|\*./.test(match) && { match_type: "urlpattern" }) })

export const bearer = (token: string | undefined): Record<string, string> =>
  token === undefined ? {} : { authorization: `Bearer ${token}` }

export interface Answer {
  readonly status: number
  readonly text: string
  readonly headers: Headers
}

export async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init)
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true
  if (isStream) await response.body?.cancel()
  return { status: response.status, text: isStream ? "" : await response.text(), headers: response.headers }
}

export type Fields = readonly (readonly [name: string, value: string])[]

/** Publishes an update with a token, by default one that may publish everything. */
export async function send(
  { hub }: Pick<MercureHub, "hub">,
  dialect: Dialect,
  fields: Fields,
  { token, headers = {} }: { token?: string | undefined; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const given = token ?? (await publisher(dialect))
  const body = new URLSearchParams(fields.map(([name, value]) => [name, value]))
  return ask(hub, { method: "POST", headers: { ...bearer(given), ...headers }, body })
}

const publishers = new Map<Dialect, Promise<string>>()

/** A token that may publish everything. */
function publisher(dialect: Dialect): Promise<string> {
  const token = publishers.get(dialect) ?? tokenOf(dialect, { publish: ["*"] })
  publishers.set(dialect, token)
  return token
}

/** The parameters that ask for selectors in a dialect. */
export const asking = (dialect: Dialect, ...selectors: readonly string[]): string =>
  new URLSearchParams(
    selectors.map((each) => [
      dialect === 0 ? "topic" : each !== "*" && /:id|.\*/.test(each) ? "match_urlpattern" : "match",
      each,
    ]),
  ).toString()

export interface Stream {
  readonly response: Response
  /** The next event except checkpoints. */
  next(): Promise<ParsedEvent>
  /** Data of all events before the one with this data, which must come. */
  until(data: string): Promise<string[]>
  close(): void
}

/** Opens a stream, which the test ends. */
export async function open(
  t: TestContext,
  { hub }: Pick<MercureHub, "hub">,
  query: string,
  headers: Record<string, string> = {},
): Promise<Stream> {
  const leaving = new AbortController()
  t.after(() => leaving.abort())
  const response = await fetch(`${hub}?${query}`, { headers, signal: leaving.signal })
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
  const events = parse(response.body as ReadableStream<Uint8Array>)[Symbol.asyncIterator]()
  async function next(): Promise<ParsedEvent> {
    for (;;) {
      const { value, done } = await events.next()
      if (done) throw new Error("the stream ended")
      if (value.event !== "stream.checkpoint") return value
    }
  }
  return {
    response,
    next,
    async until(data) {
      const before: string[] = []
      for (let event = await next(); event.data !== data; event = await next()) before.push(event.data)
      return before
    },
    close: () => leaving.abort(),
  }
}
