import type { CredentialsMode, FetchedResponse, FetchLike, RequestHeaders } from "../client/index.ts"
import type { OpenRunOptions } from "./open-run.ts"

/** A value, or a function that returns it for each request. */
export type Resolvable<T> = T | (() => T | Promise<T>)

/** The arguments of each request from `useChat`. */
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

/** The argument of `prepareReconnectToStreamRequest`, the same as in the AI SDK's transports. */
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

/** The result of a function that prepares a request. Absent members keep their defaults. */
export interface PreparedRequest {
  /** Replaces all headers of the transport and of the request. */
  readonly headers?: RequestHeaders
  readonly credentials?: CredentialsMode
  readonly api?: string
}

export interface PreparedSend extends PreparedRequest {
  /** Replaces the whole body. */
  readonly body: object
}

export interface ChatRequestOptions<Message extends object> {
  /** URL to which messages are sent by POST. @default "/api/chat" */
  readonly api?: string
  /** URL at which a chat's response is resumed after a reload, and stopped. @default `${api}/${chatId}/stream` */
  readonly resumeAt?: (chatId: string) => string
  /** Members of each request's body, or a function that returns them. Members from `useChat` override them. */
  readonly body?: Resolvable<object>
  readonly credentials?: Resolvable<CredentialsMode>
  /** Headers of each attempt, or a function that returns them. */
  readonly headers?: OpenRunOptions<unknown>["headers"]
  /** Returns body, headers, credentials and URL of a request that sends messages. */
  readonly prepareSendMessagesRequest?: (options: SendPreparation<Message>) => PreparedSend | PromiseLike<PreparedSend>
  /** Returns headers, credentials and URL of a request that resumes or stops a response. */
  readonly prepareReconnectToStreamRequest?: (
    options: ReconnectPreparation,
  ) => PreparedRequest | PromiseLike<PreparedRequest>
}

/** The options of a run's request. */
type Opening = Pick<OpenRunOptions<unknown>, "url" | "body" | "method" | "headers" | "credentials">

const resolve = async <T>(given: Resolvable<T> | undefined): Promise<T | undefined> =>
  typeof given === "function" ? (given as () => T | Promise<T>)() : given

/** Makes the requests of a chat from the transport's options, the arguments of `useChat`, and the functions that prepare requests. */
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

/** Headers of the transport for an attempt, overridden by those of the request of `useChat`. */
async function merge(
  given: OpenRunOptions<unknown>["headers"],
  attempt: Parameters<Extract<typeof given, (...args: never[]) => unknown>>[0],
  more: ChatRequest["headers"],
): Promise<Record<string, string>> {
  const headers = new Headers(typeof given === "function" ? await given(attempt) : given)
  for (const [name, value] of new Headers(more)) headers.set(name, value)
  return Object.fromEntries(headers)
}

/** Maximum length of a refusal's text, which is shown to a person. */
const MAX_TEXT = 16_384

/** A `fetch` that keeps the text of a response with an error status. */
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
