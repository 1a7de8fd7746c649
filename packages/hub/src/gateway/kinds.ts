import { createHub, type Hub, type Log } from "onward"
import {
  anthropic,
  createRuns,
  openaiChat,
  openaiResponses,
  type Format,
  type RunObservation,
  type Runs,
} from "onward/runs"

/** A frame in the provider's format. */
export type Frame = Readonly<Record<string, unknown>>
export type KindFrame = Frame | "[DONE]"

/** One kind of stream for which the gateway creates runs. */
export interface Kind {
  /** The path below `/v1` of requests for it, and of its runs. */
  readonly path: string
  readonly format: Format<KindFrame>
  readonly runs: Runs<KindFrame>
  /** Whether its runs have the provider's ids, which are in frames. */
  readonly hasOwnIds: boolean
  /** Returns a provider's refusal as a frame, for a stream that has already started. */
  refusal(error: Refusal): Frame
}

/** A provider's error, in the shape that OpenAI's and Anthropic's errors share. */
export type Refusal = Readonly<Record<string, unknown>>

export interface Kinds {
  readonly chat: Kind
  readonly responses: Kind
  readonly messages: Kind
  readonly hub: Hub
  readonly close: () => Promise<void>
}

export interface KindsOptions {
  /** The log of the runs. It must be separate from the hub's, so that subscribers cannot read it. Closed with the gateway. */
  readonly log: Log
  /** Time after which the runs of a gateway that crashed are lost, in ms. @default 10_000 */
  readonly lease?: number
  /** Maximum silence on a viewer's stream, in ms. @default 15_000 */
  readonly heartbeat?: number
  readonly onError: (error: unknown) => void
}

interface KindsLimits {
  /** Maximum length of a stream, in characters, and its number of frames: more than the gateway's limit, whose error names the option. */
  readonly maxChars: number
  readonly maxFrames: number
  readonly onEvent: (path: string, event: RunObservation) => void
}

export function createKinds(
  { log, lease, heartbeat, onError }: KindsOptions,
  { maxChars, maxFrames, onEvent }: KindsLimits,
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
      maxFrames,
      observe: (event) => onEvent(path, event),
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

/** Returns the id of a run in the log. It contains the owner, so that no owner can take or detect the id of another owner's run. */
export const runIdOf = (owner: string, id: string): string => `${owner.slice(0, 32)}/${id}`

/** Returns the response in an event of the Responses API. */
export function responseIn(frame: KindFrame | undefined): Frame | undefined {
  const response = frame === undefined || frame === "[DONE]" ? undefined : frame["response"]
  return typeof response === "object" && response !== null ? (response as Frame) : undefined
}

/** Returns the provider's id in a frame; undefined if it is invalid. */
export function givenId(frame: KindFrame | undefined): string | undefined {
  if (frame === undefined || frame === "[DONE]") return undefined
  const id = responseIn(frame)?.["id"] ?? frame["id"]
  return isName(id) ? id : undefined
}

/** The ids in a frame that requests can refer to: an item of a response, and a container. */
export function partsOf(frame: KindFrame): { readonly path: string; readonly id: string }[] {
  if (frame === "[DONE]") return []
  const { item, message, delta } = frame as Readonly<Record<string, Frame | undefined>>
  const containers = [item?.["container_id"], ...[message, delta].map((each) => idIn(each?.["container"]))]
  return [{ path: "/items", id: item?.["id"] }, ...containers.map((id) => ({ path: "/containers", id }))].filter(
    (part): part is { path: string; id: string } => isName(part.id),
  )
}

const idIn = (value: unknown): unknown => (value as Frame | null | undefined)?.["id"]

/** Whether an id can be used unchanged in a path and a topic. */
export const isName = (id: unknown): id is string => typeof id === "string" && /^[\w.~-]{1,200}$/.test(id)
