import { parse } from "onward/protocol"

/** An OpenAI-compatible server, from the environment. */
export interface ModelOptions {
  /** Up to and including `/v1`. */
  readonly baseUrl: string
  readonly model: string
  readonly apiKey: string | undefined
}

/** An error of a model. Viewers may see its message, which contains nothing that the model's server sent. */
export class ModelError extends Error {
  override readonly name = "ModelError"
  readonly code: "model_unreachable" | "model_refused" | "model_garbled" | "model_too_slow"

  constructor(code: ModelError["code"], message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}

/** A message of a chat. */
export interface ChatMessage {
  readonly role: "user" | "assistant"
  readonly content: string
}

/** Returns the model to use, if `OPENAI_BASE_URL` and `OPENAI_MODEL` (or `MODEL`) are set. */
export function modelFrom(env: Readonly<Record<string, string | undefined>>): ModelOptions | undefined {
  const { OPENAI_BASE_URL: baseUrl, OPENAI_API_KEY: apiKey } = env
  const model = env["OPENAI_MODEL"] || env["MODEL"]
  return baseUrl && model ? { baseUrl: baseUrl.replace(/\/+$/, ""), model, apiKey } : undefined
}

/** Sends the messages to the model, and yields its answer in chunks. Throws {@link ModelError}. */
export async function* askModel(
  options: ModelOptions,
  messages: readonly ChatMessage[],
  signal: AbortSignal,
): AsyncGenerator<string> {
  try {
    const response = await request(options, messages, signal)
    if (!response.ok || !response.body) {
      await response.body?.cancel()
      throw new ModelError(
        "model_refused",
        `The model's server answered with status ${response.status}. Check its settings.`,
      )
    }
    for await (const { data } of parse(response.body, { maxEventBytes: 1024 ** 2 })) {
      if (data === "[DONE]") return
      const text = textOf(data)
      if (text !== "") yield text
    }
  } catch (cause) {
    if (cause instanceof ModelError) throw cause
    if (signal.aborted) throw new ModelError("model_too_slow", "The model took too long. Ask again.", { cause })
    throw new ModelError("model_unreachable", "The connection to the model's server failed. Check OPENAI_BASE_URL.", {
      cause,
    })
  }
}

const request = (
  { baseUrl, model, apiKey }: ModelOptions,
  messages: readonly ChatMessage[],
  signal: AbortSignal,
): Promise<Response> =>
  fetch(`${baseUrl}/chat/completions`, {
    method: "POST",
    signal,
    // a redirect could send the key to another server
    redirect: "error",
    headers: {
      "content-type": "application/json",
      accept: "text/event-stream",
      ...(apiKey && { authorization: `Bearer ${apiKey}` }),
    },
    body: JSON.stringify({ model, stream: true, messages }),
  })

interface Chunk {
  readonly choices?: readonly { readonly delta?: { readonly content?: string | null } }[]
  readonly error?: unknown
}

function textOf(data: string): string {
  let chunk: Chunk | null
  try {
    chunk = JSON.parse(data) as Chunk | null
  } catch (cause) {
    throw new ModelError("model_garbled", "The model's server sent an event that is not JSON. Check OPENAI_BASE_URL.", {
      cause,
    })
  }
  if (chunk?.error !== undefined)
    throw new ModelError("model_refused", "The model's server reported an error. Ask again.")
  const content = chunk?.choices?.[0]?.delta?.content
  return typeof content === "string" ? content : ""
}
