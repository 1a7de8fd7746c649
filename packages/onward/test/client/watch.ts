import type { TestContext } from "node:test"
import { OnwardError } from "../../src/errors.ts"
import type { EventSource, EventStream, StreamEvent } from "../../src/client/node.ts"
import { createClock, type TestClock } from "../../src/testing/index.ts"
import { quiet } from "./quiet.ts"
import type { FaultExchange } from "./fault-exchange.ts"
import { serveFaults, type FaultServer, type FaultServerOptions } from "./fault-server.ts"

/** A fault server and a clock that goes on once nothing else does. */
export interface Stage {
  readonly server: FaultServer
  readonly clock: TestClock
}

export async function createStage(
  t: TestContext,
  answer: (exchange: FaultExchange) => void | Promise<void>,
  options: FaultServerOptions = {},
): Promise<Stage> {
  const clock = createClock({ quiet })
  return { server: await serveFaults(t, answer, { clock, ...options }), clock }
}

/** What an `EventSource` said so far. */
export interface Said {
  readonly data: string[]
  readonly ids: string[]
  /** Of each `error` event what it was: the error's code, or "end" when there was none. */
  readonly errors: string[]
  readonly statuses: number[]
  opens: number
}

export function watch(source: EventSource): Said {
  const said: Said = { data: [], ids: [], errors: [], statuses: [], opens: 0 }
  source.addEventListener("open", () => said.opens++)
  source.addEventListener("message", ({ data, lastEventId }) => {
    said.data.push(data)
    said.ids.push(lastEventId)
  })
  source.addEventListener("error", ({ error }) => {
    said.errors.push(error?.code ?? "end")
    said.statuses.push(error?.status ?? 0)
  })
  return said
}

/** What a stream gave so far. */
export interface Given {
  readonly data: string[]
  readonly ids: string[]
  /** How it ended, once it did: "end", the code of its error, or what else was thrown. */
  ending: unknown
  /** The HTTP status its error carries. */
  status: number | undefined
}

export function take(stream: EventStream<StreamEvent>): Given {
  const given: Given = { data: [], ids: [], ending: undefined, status: undefined }
  async function read(): Promise<void> {
    for await (const { data, id } of stream) {
      given.data.push(data)
      given.ids.push(id)
    }
  }
  read().then(
    () => (given.ending = "end"),
    (error: unknown) => {
      given.ending = error instanceof OnwardError ? error.code : error
      if (error instanceof OnwardError) given.status = error.status
    },
  )
  return given
}
