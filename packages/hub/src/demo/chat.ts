import { randomUUID } from "node:crypto"
import type { Hub, Log } from "onward"
import { createRuns, text, type Runs, type TextFrame } from "onward/runs"
import { HttpError } from "../http-error.ts"
import { canned } from "./canned.ts"
import { askModel, ModelError, type ChatMessage, type ModelOptions } from "./model.ts"

/** Maximum length of a prompt, in characters. */
const MAX_PROMPT = 2_000
/** Maximum number of answers at once, because each can cost money. */
const MAX_RUNS = 4
/** Maximum duration of an answer, in ms, and its maximum length, in characters. */
const MAX_TIME = 120_000
const MAX_LENGTH = 200_000
/** Number of turns that a chat shows and sends to the model. */
const TURNS = 12
/** Time after which the answers of a killed hub are lost, in ms. Short, because a visitor is waiting. */
const LEASE_MS = 3_000
const RETAIN_MS = 7 * 86_400_000

/** A question, and the run that answers it. */
export interface Turn {
  readonly run: string
  readonly prompt: string
  /** The model that answers; null for the canned text. */
  readonly model: string | null
}

/** Chats whose answers are runs: each open tab shows the whole chat, and can stop an answer for all tabs. */
export interface Chat {
  /** The model that answers; undefined for the canned text. */
  readonly model: string | undefined
  readonly runs: Pick<Runs, "source" | "stop">
  /** Returns the newest turns of a chat, oldest first. Throws `HttpError`. */
  turns(chat: unknown): Promise<Turn[]>
  /** Starts an answer, and publishes the turn to all open tabs. Throws `HttpError`. */
  ask(chat: unknown, prompt: unknown): Promise<Turn>
  close(): Promise<void>
}

export interface ChatOptions {
  readonly hub: Hub
  readonly log: Log
  readonly model: ModelOptions | undefined
  readonly onError: (error: unknown) => void
}

export function createChat({ hub, log, model, onError }: ChatOptions): Chat {
  let writing = 0
  const runs = createRuns<TextFrame>({
    hub,
    format: text(),
    prefix: "demo/run/",
    lease: LEASE_MS,
    // a hub that closes waits at most this long for its store
    storeTimeout: LEASE_MS,
    retention: RETAIN_MS,
    maxDuration: MAX_TIME,
    maxChars: MAX_LENGTH,
    onError,
    observe: ({ type }) => void (type === "end" && writing--),
  })

  async function turns(chat: unknown): Promise<Turn[]> {
    const topics = [topicOf(chat)]
    const after = await log.locate({ last: TURNS, topics })
    if (after === undefined) return []
    const { entries } = await log.read({ after, topics, limit: TURNS })
    return entries.map(({ data }) => JSON.parse(data) as Turn)
  }

  /** Returns the messages for the model: the chat so far, and the prompt. */
  async function conversation(chat: unknown, prompt: string): Promise<ChatMessage[]> {
    const said: ChatMessage[] = []
    for (const turn of await turns(chat)) {
      // a question does not wait for an answer that is still written
      if ((await runs.status(turn.run)).status === "running") continue
      said.push({ role: "user", content: turn.prompt }, { role: "assistant", content: await answerOf(turn) })
    }
    return [...said.filter(({ content }) => content !== ""), { role: "user", content: prompt }]
  }

  async function answerOf({ run }: Turn): Promise<string> {
    let said = ""
    try {
      for await (const { frame } of runs.attach<TextFrame>(run)) if (typeof frame === "string") said += frame
    } catch (error) {
      onError(error)
    }
    return said
  }

  /** Yields the answer. If the model fails, the last frame contains the reason, which viewers may see. */
  async function* write(model: ModelOptions, messages: ChatMessage[], signal: AbortSignal): AsyncGenerator<TextFrame> {
    try {
      yield* askModel(model, messages, signal)
    } catch (error) {
      if (!(error instanceof ModelError)) throw error
      yield { status: "failed", error: { code: error.code, message: error.message } }
    }
  }

  async function start(run: string, chat: unknown, prompt: string): Promise<void> {
    writing++
    try {
      const messages = model ? await conversation(chat, prompt) : []
      await runs.start(run, ({ signal }) => (model ? write(model, messages, signal) : canned(signal)))
    } catch (error) {
      writing--
      throw error
    }
  }

  return {
    model: model?.model,
    runs,
    turns,
    async ask(chat, prompt) {
      const topic = topicOf(chat)
      if (typeof prompt !== "string" || prompt.trim() === "" || prompt.length > MAX_PROMPT) {
        throw new HttpError(400, "invalid_prompt", `The prompt is invalid. Use text of 1 to ${MAX_PROMPT} characters.`)
      }
      if (writing >= MAX_RUNS) {
        throw new HttpError(429, "too_many_runs", `${MAX_RUNS} answers are being written. Retry when one is complete.`)
      }
      const turn = { run: randomUUID(), prompt, model: model?.model ?? null }
      await start(turn.run, chat, prompt)
      await hub.publish({ topic, event: "turn", data: turn })
      return turn
    },
    close: () => runs.close(),
  }
}

function topicOf(chat: unknown): string {
  if (typeof chat === "string" && /^[\w-]{8,64}$/.test(chat)) return `demo/chat/${chat}`
  throw new HttpError(400, "invalid_chat", "The chat's id is invalid. Use 8 to 64 letters, digits, `-` or `_`.")
}
