import type * as Client from "../../../src/client/index.ts"
import type { FaultExchange } from "../fault-exchange.ts"

/** What the server of the cases saw of a request. */
export interface SeenRequest {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Whether it came to the other origin. */
  readonly isElsewhere: boolean
  readonly isClosed: boolean
}

/** What a case has, in whatever runtime. */
export interface World {
  readonly client: Pick<typeof Client, "EventSource" | "stream" | "OnwardError">
  /** Answered by the case's own `answer`. */
  readonly url: string
  /** Whether the case is one this runtime is known to deviate in. */
  readonly deviates: boolean
  /** Requests so far, by the order in which they came. */
  requests(): Promise<SeenRequest[]>
  /** Lets `told(word)` resolve. */
  tell(word: string): Promise<void>
  /** Asks again and again until it holds. */
  eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void>
}

export interface Case {
  readonly name: string
  /** The server's side, which runs in the Node of the tests. `n` counts requests from 0; `told` waits for the client's word. */
  answer(exchange: FaultExchange, n: number, told: (word: string) => Promise<void>): void | Promise<void>
  /** The client's side: throws when something is not as it should be. */
  run(world: World): Promise<void>
}

/** The outcome of one case; without `error` all is well. */
export interface Outcome {
  readonly name: string
  readonly error?: string
}

/** Throws when two plain values differ. */
export function same(actual: unknown, expected: unknown, what = "it"): void {
  const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (is !== should) throw new Error(`${what} is ${is}, not ${should}`)
}

/** The code of the error by which a stream ends at once. */
export async function codeOf(stream: Client.EventStream<unknown>): Promise<string> {
  try {
    const { value } = await stream.next()
    return `no error, but ${JSON.stringify(value)}`
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  } finally {
    stream.close()
  }
}

/** Takes so many events, or all there are, and leaves. */
export async function take(stream: Client.EventStream<Client.StreamEvent>, count = Infinity): Promise<string[]> {
  const data: string[] = []
  for await (const event of stream) if (data.push(event.data) === count) break
  return data
}
