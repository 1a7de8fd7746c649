import { createHub, type Hub, type Log } from "onward"
import { anthropic, createRuns, openaiChat, openaiResponses, type Format, type RunEvent, type Runs } from "onward/runs"

/** A frame as clients know it. */
export type Frame = Readonly<Record<string, unknown>>
export type KindFrame = Frame | "[DONE]"

/** One kind of stream that the gateway makes runs of. */
export interface Kind {
  /** Where it is asked for below `/v1`, and where its runs are. */
  readonly path: string
  readonly format: Format<KindFrame>
  readonly runs: Runs<KindFrame>
  /** Whether its runs are asked for by the provider's own ids, which frames tell. */
  readonly hasOwnIds: boolean
  /** A provider's refusal as a frame, when the stream had begun before it came. */
  refusal(error: Refusal): Frame
}

/** What a provider says is wrong, in the one shape that OpenAI's and Anthropic's errors have in common. */
export type Refusal = Readonly<Record<string, unknown>>

export interface Kinds {
  readonly chat: Kind
  readonly responses: Kind
  readonly messages: Kind
  readonly hub: Hub
  readonly close: () => Promise<void>
}

export interface KindsOptions {
  /** A log of their own: whoever may subscribe to topics must not be able to read it. Closed with them. */
  readonly log: Log
  /** How long a gateway that died is waited for, in ms. @default 10_000 */
  readonly lease?: number
  /** Longest silence on a viewer's stream, in ms. @default 15_000 */
  readonly heartbeat?: number
  readonly onError: (error: unknown) => void
}

/** @param maxChars longest stream, in characters: more than the gateway takes, whose own error names its option */
export function createKinds(
  { log, lease, heartbeat, onError }: KindsOptions,
  { maxChars, onEvent }: { readonly maxChars: number; readonly onEvent: (path: string, event: RunEvent) => void },
): Kinds {
  const hub = createHub({ log, onError, window: { maxEntries: 0, maxChars: 0 } })
  const make = (
    name: string,
    path: string,
    format: Kind["format"],
    more: Pick<Kind, "hasOwnIds" | "refusal">,
  ): Kind => ({
    path,
    format,
    ...more,
    runs: createRuns({
      hub,
      format,
      prefix: `${name}/`,
      onError,
      maxChars,
      onEvent: (event) => onEvent(path, event),
      ...(lease !== undefined && { lease }),
      ...(heartbeat !== undefined && { heartbeat }),
    }),
  })
  const kinds = {
    chat: make("chat", "/chat/completions", openaiChat<Frame>(), {
      hasOwnIds: false,
      refusal: (error) => ({ error }),
    }),
    responses: make("responses", "/responses", openaiResponses<Frame>(), {
      hasOwnIds: true,
      refusal: ({ code, message, param }) => ({
        type: "error",
        code: code ?? null,
        message: message ?? "",
        param: param ?? null,
        sequence_number: 0,
      }),
    }),
    messages: make("messages", "/messages", anthropic<Frame>(), {
      hasOwnIds: false,
      refusal: (error) => ({ type: "error", error }),
    }),
  }
  return {
    ...kinds,
    hub,
    async close() {
      await Promise.all([kinds.chat, kinds.responses, kinds.messages].map(({ runs }) => runs.close()))
      await hub.close()
    },
  }
}

/** Runs of different owners are apart: nobody can take, or find out, the id of another owner's. */
export const runIdOf = (owner: string, id: string): string => `${owner.slice(0, 32)}/${id}`

/** The response in an event of Responses. */
export function responseIn(frame: KindFrame | undefined): Frame | undefined {
  const response = frame === undefined || frame === "[DONE]" ? undefined : frame["response"]
  return typeof response === "object" && response !== null ? (response as Frame) : undefined
}

/** The id that a provider gave to what a frame belongs to; undefined for what cannot be one. */
export function givenId(frame: KindFrame | undefined): string | undefined {
  if (frame === undefined || frame === "[DONE]") return undefined
  const id = responseIn(frame)?.["id"] ?? frame["id"]
  return isName(id) ? id : undefined
}

/** What may be in a path and a topic as it is. */
export const isName = (id: unknown): id is string => typeof id === "string" && /^[\w.~-]{1,200}$/.test(id)
