import { randomUUID } from "node:crypto"
import type { Hub, Log, Subscription } from "onward"
import { HttpError } from "../http-error.ts"
import { canned } from "./canned.ts"
import { askModel, ModelError, type ModelOptions } from "./model.ts"

/** Longest prompt, in characters. */
const MAX_PROMPT = 2_000
/** Runs at once: each may cost money. */
const MAX_RUNS = 4
/** Longest run, in ms and in pieces. */
const MAX_TIME = 120_000
const MAX_PIECES = 8_000

/** Texts being generated, each an entry a piece on a topic of its own, so that a reader can come and go. */
export interface Runs {
  /** Where the text comes from: a model's name, or undefined for the canned one. */
  readonly model: string | undefined
  /** Starts a run and returns its id. Throws `HttpError`. */
  start(prompt: unknown): Promise<string>
  /** Everything of a run, from its beginning or where the reader was, to its end. Undefined when there is no such run. */
  read(id: string): Promise<Subscription | undefined>
  close(): Promise<void>
}

export function createRuns(
  hub: Hub,
  log: Log,
  model: ModelOptions | undefined,
  onError: (error: unknown) => void,
): Runs {
  const running = new Map<string, Promise<void>>()
  const closing = new AbortController()

  async function generate(id: string, prompt: string): Promise<void> {
    const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(MAX_TIME)])
    let n = 0
    try {
      for await (const text of model ? askModel(model, prompt, signal) : canned(signal)) {
        await hub.publish({ topic: topicOf(id), event: "token", data: { n: ++n, text } })
        if (n === MAX_PIECES) break
      }
      await finish(id, { pieces: n })
    } catch (error) {
      // its readers come back to another process, which finishes it for them
      if (closing.signal.aborted) return
      if (!(error instanceof ModelError)) onError(error)
      const { code, message } = error instanceof ModelError ? error : INTERRUPTED
      await finish(id, { pieces: n, error: { code, message } }).catch(onError)
    }
  }

  /** The key makes it the only end of this run, whoever writes it first. */
  const finish = (id: string, data: Readonly<Record<string, unknown>>): Promise<string> =>
    hub.publish({ topic: topicOf(id), event: "done", data, key: `${topicOf(id)} done` })

  return {
    model: model?.model,
    async start(prompt) {
      if (typeof prompt !== "string" || prompt.trim() === "" || prompt.length > MAX_PROMPT) {
        throw new HttpError(400, "invalid_prompt", `The prompt must be text of 1 to ${MAX_PROMPT} characters.`)
      }
      if (running.size >= MAX_RUNS) {
        throw new HttpError(429, "too_many_runs", "Enough is being written already: wait for one to finish.")
      }
      const id = randomUUID()
      const run = hub
        .publish({ topic: topicOf(id), event: "start", data: { model: model?.model ?? null } })
        .then(() => void generate(id, prompt).finally(() => running.delete(id)))
      running.set(id, run)
      await run.catch((error: unknown) => {
        running.delete(id)
        throw error
      })
      return id
    },
    async read(id) {
      if (!/^[\da-f-]{36}$/.test(id)) return undefined
      const topics = [topicOf(id)]
      if (!running.has(id)) {
        const after = await log.locate({ last: 1, topics })
        const newest = after && (await log.read({ after, topics, limit: 1 })).entries[0]
        if (!newest) return undefined
        if (newest.event !== "done") await finish(id, { error: INTERRUPTED })
      }
      return hub.subscribe({ topics, from: "earliest", until: ({ event }) => event === "done" })
    },
    async close() {
      closing.abort()
      await Promise.allSettled(running.values())
    },
  }
}

const INTERRUPTED = { code: "interrupted", message: "The hub was stopped while this was written." }

const topicOf = (id: string): string => `demo/run/${id}`
