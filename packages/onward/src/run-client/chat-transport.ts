import { STREAM_OPTIONS } from "../client-options.ts"
import { checkNames } from "../options.ts"
import { OnwardError } from "../client/index.ts"
import {
  createChatRequests,
  keepRefusals,
  type ChatRequest,
  type ChatRequestOptions,
  type SendRequest,
} from "./chat-request.ts"
import { openRun, type OpenRun, type OpenRunOptions } from "./open-run.ts"

export interface ChatTransportOptions<Chunk extends object, Message extends object = object>
  extends
    Omit<
      OpenRunOptions<Chunk | "[DONE]">,
      "url" | "body" | "method" | "location" | "lastEventId" | "signal" | "headers" | "credentials"
    >,
    ChatRequestOptions<Message> {}

/** A `ChatTransport` of the AI SDK 6 and 7. */
export interface ChatTransport<Chunk extends object, Message extends object = object> {
  /** A resumed response starts at its beginning. */
  readonly resumeStreamIsReplay: true
  sendMessages(options: SendRequest<Message>): Promise<ReadableStream<Chunk>>
  /** Resolves to null when no response is being generated. */
  reconnectToStream(options: ChatRequest): Promise<ReadableStream<Chunk> | null>
  /**
   * Stops the response for all viewers. `stop` of `useChat` only disconnects, because it is also called when a component unmounts.
   * @throws OnwardError `bad_status` when the server refuses
   */
  stop(chatId: string): Promise<void>
}

/**
 * Makes a transport for `useChat` whose responses are runs. They resume after cuts and sleep in the same stream, with each part once, and
 * after a reload with `resume: true`.
 * @example
 * const transport = chatTransport({ api: "/api/chat", format: aiSdk<UIMessageChunk>() })
 * const { messages, sendMessage } = useChat({ id, transport, resume: true })
 * <button onClick={() => transport.stop(id)}>Stop</button>
 */
export function chatTransport<Chunk extends object, Message extends object = object>(
  options: ChatTransportOptions<Chunk, Message>,
): ChatTransport<Chunk, Message> {
  checkNames("chatTransport", options, OPTIONS)
  const requests = createChatRequests(options)
  const { format, fetch, ...rest } = withoutRequests(options)
  /** The newest response of each open chat. */
  const open = new Map<string, OpenRun<Chunk | "[DONE]">>()

  /** Resolves when the first part has arrived. Rejects with errors up to then. */
  async function read({ chatId, abortSignal }: ChatRequest, opening: Opening): Promise<ReadableStream<Chunk> | null> {
    const refusals = keepRefusals(fetch)
    const run = openRun({ ...rest, format, ...opening, fetch: refusals.fetch })
    const told = (error: unknown): unknown => asChatError(error, refusals.text)
    open.set(chatId, run)
    const leave = (): void => run.detach()
    abortSignal?.addEventListener("abort", leave)
    const finish = (): void => {
      abortSignal?.removeEventListener("abort", leave)
      if (open.get(chatId) === run) open.delete(chatId)
    }
    if (abortSignal?.aborted) leave()
    let first: IteratorResult<Chunk | "[DONE]"> | undefined
    try {
      first = await run.frames.next()
    } catch (error) {
      finish()
      throw told(error)
    }
    if (first.done) {
      finish()
      return null
    }
    return new ReadableStream<Chunk>({
      async pull(controller) {
        for (;;) {
          try {
            const { done, value } = first ?? (await run.frames.next())
            first = undefined
            if (!done && value === "[DONE]") continue
            if (!done) return controller.enqueue(value as Chunk)
            finish()
            // a clean end would look like a complete response
            return run.status === "lost" && !run.error ? controller.error(told(unfinished())) : controller.close()
          } catch (error) {
            finish()
            return controller.error(told(error))
          }
        }
      },
      cancel() {
        leave()
        finish()
      },
    })
  }

  return {
    resumeStreamIsReplay: true,
    async sendMessages(request) {
      return (await read(request, await requests.send(request))) ?? new ReadableStream({ start: close })
    },
    reconnectToStream: async (request) => read(request, await requests.reconnect(request)),
    async stop(chatId) {
      const run =
        open.get(chatId) ??
        openRun({ ...rest, format, ...(fetch && { fetch }), ...(await requests.reconnect({ chatId })) })
      await run.stop()
    },
  }
}

type Opening = Awaited<ReturnType<ReturnType<typeof createChatRequests>["reconnect"]>>

/** The options that `openRun` has, too. */
function withoutRequests<Chunk extends object>({
  api: _api,
  resumeAt: _resumeAt,
  body: _body,
  credentials: _credentials,
  headers: _headers,
  prepareSendMessagesRequest: _send,
  prepareReconnectToStreamRequest: _reconnect,
  ...rest
}: ChatTransportOptions<Chunk, never>): Omit<OpenRunOptions<Chunk | "[DONE]">, "url"> {
  return rest
}

const OPTIONS = [
  ...STREAM_OPTIONS,
  "format",
  "api",
  "resumeAt",
  "prepareSendMessagesRequest",
  "prepareReconnectToStreamRequest",
].filter((name) => !["method", "lastEventId", "signal", "resume", "until", "reconnectOnEnd", "shared"].includes(name))

/** Errors of a lost connection, after which a reconnect may succeed. */
const DISCONNECTED = /^(network_error|stream_ended|.*_timeout|not_repeatable|source_failed)$/

/**
 * Converts an error for the AI SDK. A refusal has the server's text as message. A lost connection is a `TypeError` about the network, so that
 * `onFinish` gets `isDisconnect`. Code and status are those of the `OnwardError`, which is the cause.
 */
function asChatError(error: unknown, text: string): unknown {
  if (!(error instanceof OnwardError)) return error
  const { code, status } = error
  if (text !== "" && status >= 400) return new OnwardError(code, text, { status, cause: error })
  if (status >= 400 || !DISCONNECTED.test(code)) return error
  return Object.assign(new TypeError(`network error: ${error.message}`, { cause: error }), { code, status })
}

const unfinished = (): OnwardError =>
  new OnwardError("stream_ended", "The response was cut off, and its end is unknown. Load the chat again.", {
    status: 0,
  })

const close = (controller: ReadableStreamDefaultController): void => controller.close()
