import type { CredentialsMode, FetchedResponse, FetchLike, RequestHeaders } from "../client/index.ts"
import type { OpenRunOptions } from "./open-run.ts"

/** A value, or what makes one for each request. */
export type Resolvable<T> = T | (() => T | Promise<T>)

/** What `useChat` gives to a transport with each request. */
export interface ChatRequest {
  readonly chatId: string
  readonly abortSignal?: AbortSignal | undefined
  readonly headers?: Record<string, string> | Headers | undefined
  readonly body?: object | undefined
  readonly metadata?: unknown
}

export interface SendRequest<Message extends object> extends ChatRequest {
  readonly trigger: string
  readonly messageId: string | undefined
  readonly messages: Message[]
}

/** What a function that prepares a request is given, as by the AI SDK's own transports. */
export interface ReconnectPreparation {
  readonly id: string
  readonly requestMetadata: unknown
  readonly body: Record<string, unknown>
  readonly credentials: CredentialsMode | undefined
  readonly headers: Record<string, string>
  readonly api: string
}

export interface SendPreparation<Message extends object> extends ReconnectPreparation {
  readonly messages: Message[]
  readonly trigger: "submit-message" | "regenerate-message"
  readonly messageId: string | undefined
}

/** What it returns: a part that it leaves out is as if it had not been asked. */
export interface PreparedRequest {
  /** Replaces all headers, those of the transport and of the request. */
  readonly headers?: RequestHeaders
  readonly credentials?: CredentialsMode
  readonly api?: string
}

export interface PreparedSend extends PreparedRequest {
  /** Replaces the whole body. */
  readonly body: object
}

export interface ChatRequestOptions<Message extends object> {
  /** Where messages are sent, by POST. @default "/api/chat" */
  readonly api?: string
  /** Where a chat's answer is found again after a reload, and stopped. @default `${api}/${chatId}/stream` */
  readonly resumeAt?: (chatId: string) => string
  /** Sent with each request, under what `useChat` gives; a function makes it anew. */
  readonly body?: Resolvable<object>
  readonly credentials?: Resolvable<CredentialsMode>
  /** Of each attempt; a function makes them anew. */
  readonly headers?: OpenRunOptions<unknown>["headers"]
  /** Makes body, headers, credentials and address of a request that sends messages. */
  readonly prepareSendMessagesRequest?: (options: SendPreparation<Message>) => PreparedSend | PromiseLike<PreparedSend>
  /** The same for one that finds an answer again, or stops it; it has no body. */
  readonly prepareReconnectToStreamRequest?: (
    options: ReconnectPreparation,
  ) => PreparedRequest | PromiseLike<PreparedRequest>
}

/** What a run is opened with. */
type Opening = Pick<OpenRunOptions<unknown>, "url" | "body" | "method" | "headers" | "credentials">

const resolve = async <T>(given: Resolvable<T> | undefined): Promise<T | undefined> =>
  typeof given === "function" ? (given as () => T | Promise<T>)() : given

/** The requests of a chat, made of the transport's options, of what `useChat` gives, and of what the program makes of both. */
export function createChatRequests<Message extends object>(options: ChatRequestOptions<Message>) {
  const { api = "/api/chat", resumeAt = (id) => `${api}/${encodeURIComponent(id)}/stream` } = options
  const { prepareSendMessagesRequest: prepareSend, prepareReconnectToStreamRequest: prepareReconnect } = options

  async function commonOf({ chatId, headers, body, metadata }: ChatRequest) {
    const { headers: given } = options
    const each = async (attempt: Parameters<typeof merge>[1]): Promise<Record<string, string>> =>
      merge(given, attempt, headers)
    return {
      each,
      body: { ...(await resolve(options.body)), ...body },
      credentials: await resolve(options.credentials),
      preparation: { id: chatId, requestMetadata: metadata },
    }
  }

  const opening = (
    url: string,
    each: Opening["headers"],
    credentials: CredentialsMode | undefined,
    prepared: PreparedRequest | undefined,
  ): Opening => {
    const chosen = prepared?.credentials ?? credentials
    const headers = prepared?.headers ?? each
    return { url: prepared?.api ?? url, ...(headers && { headers }), ...(chosen && { credentials: chosen }) }
  }

  const FIRST = { number: 0, lastEventId: "", error: undefined }

  return {
    async send(request: SendRequest<Message>): Promise<Opening> {
      const { chatId: id, messages, trigger, messageId } = request
      const { each, body, credentials, preparation } = await commonOf(request)
      const prepared = await prepareSend?.({
        ...preparation,
        ...{
          api,
          body,
          credentials,
          headers: await each(FIRST),
          messages,
          trigger: trigger as SendPreparation<Message>["trigger"],
          messageId,
        },
      })
      const sent = prepared?.body ?? { ...body, id, messages, trigger, messageId }
      return { ...opening(api, each, credentials, prepared), method: "POST", body: sent as Record<string, unknown> }
    },
    async reconnect(request: ChatRequest): Promise<Opening> {
      const { each, body, credentials, preparation } = await commonOf(request)
      const prepared = await prepareReconnect?.({
        ...preparation,
        ...{ api, body, credentials, headers: await each(FIRST) },
      })
      return opening(resumeAt(request.chatId), each, credentials, prepared)
    },
  }
}

/** Headers of the transport at this attempt, and over them those of one request of `useChat`. */
async function merge(
  given: OpenRunOptions<unknown>["headers"],
  attempt: Parameters<Extract<typeof given, (...args: never[]) => unknown>>[0],
  more: ChatRequest["headers"],
): Promise<Record<string, string>> {
  const headers = new Headers(typeof given === "function" ? await given(attempt) : given)
  for (const [name, value] of new Headers(more)) headers.set(name, value)
  return Object.fromEntries(headers)
}

/** A refusal is shown to a person, so no more of it is read, in bytes. */
const MAX_TEXT = 16_384

/** A `fetch` that keeps what a server says when it refuses. */
export function keepRefusals(fetch: FetchLike | undefined): { fetch: FetchLike; readonly text: string } {
  let text = ""
  return {
    get text() {
      return text
    },
    async fetch(url, init) {
      text = ""
      const response = await (fetch ?? globalThis.fetch)(url, init)
      if (response.status < 400) return response
      text = await textOf(response)
      return { status: response.status, url: response.url, headers: response.headers, body: null }
    },
  }
}

async function textOf({ body }: FetchedResponse): Promise<string> {
  if (!body) return ""
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let text = ""
  while (text.length < MAX_TEXT) {
    const { done, value } = await reader.read()
    if (done) return text
    text += decoder.decode(value, { stream: true })
  }
  await reader.cancel()
  return text.slice(0, MAX_TEXT)
}
