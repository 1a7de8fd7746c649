import type { ServerResponse } from "node:http"
import type { TestContext } from "node:test"
import { sse } from "../../src/node/index.ts"
import {
  agUi,
  aiSdk,
  anthropic,
  createRuns,
  openaiChat,
  openaiResponses,
  text,
  type Format,
  type RunsOptions,
  type RunStatus,
} from "../../src/runs/index.ts"
import { everyBlock, type Block } from "./every-block.ts"
import { serve } from "./serve.ts"

export const formats = [agUi(), aiSdk(), anthropic(), openaiChat(), openaiResponses(), text()] as Format[]

export const block = (data: object | string, event?: string): string =>
  `${event === undefined ? "" : `event: ${event}\n`}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`

export interface Outcome {
  readonly status: RunStatus
  readonly code: string | undefined
  readonly errors: readonly unknown[]
  /** What a client that comes late is sent, in a format; by default that of the provider. */
  view(format?: string): Promise<Block[]>
}

/** What becomes of the answer of a provider. */
export async function ask(
  t: TestContext,
  format: Format,
  answer: string | ((res: ServerResponse) => void),
  options: Partial<RunsOptions> = {},
): Promise<Outcome> {
  const upstream = await serve(t, (_req, res) => {
    res.writeHead(200, { "content-type": "text/event-stream" })
    if (typeof answer === "string") res.end(answer)
    else answer(res)
  })
  const errors: unknown[] = []
  const runs = createRuns({ format, formats, onError: (error) => errors.push(error), ...options })
  t.after(() => runs.close())
  const origin = await serve(t, (req, res) => {
    sse(req, res, runs.source("a", { format: req.url?.slice(1) || format.name }))
  })
  const { ended } = await runs.start("a", ({ signal }) => fetch(upstream, { signal }))
  const { status, error } = await ended()
  return {
    status,
    code: error?.code,
    errors,
    view: async (name = "") => everyBlock(await (await fetch(`${origin}/${name}`)).text()),
  }
}

export const jsonOf = (blocks: readonly Block[]): unknown[] =>
  blocks.filter(({ data }) => data !== "[DONE]").map(({ data }) => JSON.parse(data))
