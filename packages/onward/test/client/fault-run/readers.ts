import { setImmediate as turn, setTimeout as wait } from "node:timers/promises"
import type { FetchLike, Gap } from "../../../src/client/index.ts"
import { EventSource, stream } from "../../../src/client/node.ts"
import { Chance } from "../../hub/simulation/chance.ts"
import { NAMES } from "./messages.ts"

/** Whom a reader tells, in the order in which things happen. */
export interface ReaderOwner {
  onEvent(event: string, data: string, id: string): void
  onFailure(error: unknown): void
}

export interface ReaderOptions {
  readonly url: string
  readonly fetch?: FetchLike
  readonly seed: number
  /** How long the server may be silent, in ms. */
  readonly timeout: number
}

/** A way to use the client; returns its end. */
export type Reader = (options: ReaderOptions, owner: ReaderOwner) => () => void

/** Cut clients come back at once, or the run would mostly wait. */
const RETRY = { base: 1, max: 5 }

const readByEventSource: Reader = ({ url, fetch, timeout }, { onEvent, onFailure }) => {
  const source = new EventSource(url, {
    retry: RETRY,
    reconnectionTime: 0,
    idleTimeout: timeout,
    connectTimeout: timeout,
    onError: onFailure,
    ...(fetch && { fetch }),
  })
  for (const name of [...NAMES, "stream.gap", "stream.error"]) {
    source.addEventListener(name, ({ type, data, lastEventId }) => onEvent(type, data, lastEventId))
  }
  source.onerror = ({ error }) => source.readyState === source.CLOSED && onFailure(error)
  return () => source.close()
}

const readByStream =
  (pace: (chance: Chance) => Promise<void> | undefined): Reader =>
  ({ url, fetch, seed, timeout }, { onEvent, onFailure }) => {
    const chance = new Chance(seed)
    const events = stream(url, {
      retry: RETRY,
      idleTimeout: timeout,
      connectTimeout: timeout,
      onGap: (gap: Gap) => onFailure(new Error(`a gap was announced: ${JSON.stringify(gap)}`)),
      ...(fetch && { fetch }),
    })
    async function read(): Promise<void> {
      for await (const { event, data, id } of events) {
        onEvent(event, data, id)
        await pace(chance)
      }
    }
    read().catch(onFailure)
    return () => events.close()
  }

export const READERS: Readonly<Record<string, Reader>> = {
  EventSource: readByEventSource,
  stream: readByStream(() => undefined),
  "slow stream": readByStream((chance) =>
    chance.percent(1) ? wait(chance.below(10)) : chance.percent(10) ? turn() : undefined,
  ),
}
