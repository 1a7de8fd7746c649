import { OnwardError } from "../client/index.ts"
import { openRun, type OpenRun, type OpenRunOptions } from "./open-run.ts"

export interface ChatTransportOptions<Chunk extends object> extends Omit<
  OpenRunOptions<Chunk | "[DONE]">,
  "url" | "body" | "method" | "location" | "lastEventId" | "signal"
> {
  /** Where messages are sent, by POST. @default "/api/chat" */
  readonly api?: string
  /** Where a chat's answer is found again after a reload, and stopped. @default `${api}/${chatId}/stream` */
  readonly resumeAt?: (chatId: string) => string
}

/** What `useChat` gives to a transport with each request. */
interface ChatRequest {
  readonly chatId: string
  readonly abortSignal?: AbortSignal | undefined
  readonly headers?: Record<string, string> | Headers
  readonly body?: object
}

interface SendRequest extends ChatRequest {
  readonly trigger: string
  readonly messageId: string | undefined
  readonly messages: readonly object[]
}

/** A `ChatTransport` of the AI SDK, 6 and 7. */
export interface ChatTransport<Chunk extends object> {
  /** What is found again comes from its beginning. */
  readonly resumeStreamIsReplay: true
  sendMessages(options: SendRequest): Promise<ReadableStream<Chunk>>
  /** Null when nothing is being written. */
  reconnectToStream(options: ChatRequest): Promise<ReadableStream<Chunk> | null>
  /**
   * Ends the answer for everybody. `stop` of `useChat` only leaves it, as it is also called when a component goes.
   * @throws OnwardError `bad_status` when the server does not do it
   */
  stop(chatId: string): Promise<void>
}

/**
 * A transport for `useChat` whose answers are runs: after a cut or sleep they carry on inside of the same stream, each part once, and after
 * a reload (`resume: true`) they are found again.
 * @example
 * const transport = chatTransport({ api: "/api/chat", format: aiSdk<UIMessageChunk>() })
 * const { messages, sendMessage } = useChat({ id, transport, resume: true })
 * <button onClick={() => transport.stop(id)}>Stop</button>
 */
export function chatTransport<Chunk extends object>(options: ChatTransportOptions<Chunk>): ChatTransport<Chunk> {
  const { api = "/api/chat", resumeAt = (id) => `${api}/${encodeURIComponent(id)}/stream`, ...rest } = options
  /** The newest answer of each chat that is open here. */
  const open = new Map<string, OpenRun<Chunk | "[DONE]">>()

  /** Resolves once there is something of the answer. Rejects with what is known by then to have gone wrong. */
  async function read(
    { chatId, abortSignal, headers }: ChatRequest,
    asked: Pick<OpenRunOptions<Chunk | "[DONE]">, "url" | "body" | "method">,
  ): Promise<ReadableStream<Chunk> | null> {
    const run = openRun({ ...rest, ...asked, headers: withMore(rest.headers, headers) })
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
      throw error
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
            // a clean end would look like a whole answer
            return run.status === "lost" && !run.error ? controller.error(unfinished()) : controller.close()
          } catch (error) {
            finish()
            return controller.error(error)
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
      const { chatId: id, messages, trigger, messageId, body } = request
      const sent = { ...body, id, messages, trigger, messageId }
      return (await read(request, { url: api, method: "POST", body: sent })) ?? new ReadableStream({ start: close })
    },
    reconnectToStream: (request) => read(request, { url: resumeAt(request.chatId) }),
    stop: (chatId) => (open.get(chatId) ?? openRun({ ...rest, url: resumeAt(chatId) })).stop(),
  }
}

const unfinished = (): OnwardError =>
  new OnwardError("stream_ended", "the answer broke off, and its server does not know how it ended: load the chat anew")

const close = (controller: ReadableStreamDefaultController): void => controller.close()

/** Headers of each attempt, and those of one request of `useChat`. */
function withMore(
  given: OpenRunOptions<unknown>["headers"],
  more: ChatRequest["headers"],
): Exclude<OpenRunOptions<unknown>["headers"], undefined> {
  return async (attempt) => {
    const headers = new Headers(typeof given === "function" ? await given(attempt) : given)
    for (const [name, value] of new Headers(more)) headers.set(name, value)
    return headers
  }
}
