import { createHub, type Log } from "onward"
import { createRuns, openaiChat, openaiResponses, type Runs } from "onward/runs"

/** A frame as clients know it. */
export type Frame = Readonly<Record<string, unknown>>

/** The runs of the two kinds of streams that the gateway keeps. */
export interface GatewayRuns {
  readonly chat: Kind
  readonly responses: Kind
  /** Rejects with what is wrong with the log, if it does not answer. */
  readonly check: () => Promise<unknown>
  readonly close: () => Promise<void>
}

export interface Kind {
  readonly format: ReturnType<typeof openaiChat<Frame>>
  readonly runs: Runs<Frame | "[DONE]">
}

export interface GatewayRunsOptions {
  /** A log of their own: whoever may subscribe to topics must not be able to read it. Closed with them. */
  readonly log: Log
  /** How long a gateway that died is waited for, in ms. @default 10_000 */
  readonly lease?: number
  readonly onError: (error: unknown) => void
}

export function createGatewayRuns({ log, lease, onError }: GatewayRunsOptions): GatewayRuns {
  const hub = createHub({ log, onError, window: { entries: 0, chars: 0 } })
  const chat = openaiChat<Frame>()
  const responses = openaiResponses<Frame>()
  const make = (kind: string, format: Kind["format"]): Kind => ({
    format,
    runs: createRuns({ hub, format, prefix: `${kind}/`, onError, ...(lease !== undefined && { lease }) }),
  })
  const kinds = { chat: make("chat", chat), responses: make("responses", responses) }
  return {
    ...kinds,
    check: () => log.bounds(),
    async close() {
      await Promise.all([kinds.chat.runs.close(), kinds.responses.runs.close()])
      await hub.close()
    },
  }
}
