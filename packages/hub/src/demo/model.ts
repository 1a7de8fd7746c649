import { parse } from "onward/protocol"

/** An OpenAI-compatible server, from the environment. */
export interface ModelOptions {
  /** Up to and including `/v1`. */
  readonly baseUrl: string
  readonly model: string
  readonly apiKey: string | undefined
}

/** Why a model gave no (more) answer; the message may be shown. What the other server said is not. */
export class ModelError extends Error {
  override readonly name = "ModelError"
  readonly code: "model_unreachable" | "model_refused" | "model_garbled" | "model_too_slow"

  constructor(code: ModelError["code"], message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}

/** What was said, by whom. */
export interface ChatMessage {
  readonly role: "user" | "assistant"
  readonly content: string
}

/** The model to use, if `OPENAI_BASE_URL` and `OPENAI_MODEL` (or `MODEL`) are set. */
export function modelFrom(env: Readonly<Record<string, string | undefined>>): ModelOptions | undefined {
  const { OPENAI_BASE_URL: baseUrl, OPENAI_API_KEY: apiKey } = env
  const model = env["OPENAI_MODEL"] || env["MODEL"]
  return baseUrl && model ? { baseUrl: baseUrl.replace(/\/+$/, ""), model, apiKey } : undefined
}

/** Asks the model and yields its answer piece by piece. Throws {@link ModelError}. */
export async function* askModel(
  options: ModelOptions,
  messages: readonly ChatMessage[],
  signal: AbortSignal,
): AsyncGenerator<string> {
  try {
    const response = await request(options, messages, signal)
    if (!response.ok || !response.body) {
      await response.body?.cancel()
      throw new ModelError("model_refused", `The model's server answered with status ${response.status}.`)
    }
    for await (const { data } of parse(response.body, { maxEventBytes: 1024 ** 2 })) {
      if (data === "[DONE]") return
      const text = textOf(data)
      if (text !== "") yield text
    }
  } catch (cause) {
    if (cause instanceof ModelError) throw cause
    if (signal.aborted) throw new ModelError("model_too_slow", "The model took too long.", { cause })
    throw new ModelError("model_unreachable", "The model's server could not be reached, or broke off.", { cause })
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
    // a redirect could carry the key to somebody else
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
    throw new ModelError("model_garbled", "The model's server sent something that is no answer.", { cause })
  }
  if (chunk?.error !== undefined) throw new ModelError("model_refused", "The model's server reported an error.")
  const content = chunk?.choices?.[0]?.delta?.content
  return typeof content === "string" ? content : ""
}
