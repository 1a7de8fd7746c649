import cluster, { type Worker } from "node:cluster"

/**
 * Calls between the processes of one hub, by the channel that Node opens between a primary process and its workers. Arguments and results are
 * plain data. Hubs on other machines communicate by the log instead.
 */
export interface Peers {
  /** Calls a function of the primary process; without workers, of this process. Rejects if it throws, or the process does not answer. */
  callPrimary<T>(name: string, argument: unknown): Promise<T>
  /** Asks all workers, this one included. The results are in no order, and lack those of workers that do not answer in time. */
  askAll<T>(name: string, argument?: unknown): Promise<T[]>
  /** Answers what workers ask by this name. */
  answer(name: string, handler: (argument: never) => unknown): void
  /** Answers nothing any longer. */
  close(): void
}

/** Functions of the primary process, by name. */
export type PrimaryFunctions = Readonly<Record<string, (argument: never) => unknown>>

/** How long the workers may take to answer, in ms. The primary process waits less, so that its answer arrives in time. */
const TIMEOUT_MS = { all: 1_000, call: 2_000 }

type Call =
  | { readonly onward: "call"; readonly id: number; readonly name: string; readonly argument: unknown }
  | { readonly onward: "ask-all"; readonly id: number; readonly name: string; readonly argument: unknown }
  | { readonly onward: "answer"; readonly id: number; readonly result: unknown }
/** A worker tells the primary process that it has read its configuration again. */
interface ReloadedMessage {
  readonly onward: "reloaded"
}
type ToWorker =
  | { readonly onward: "result"; readonly id: number; readonly result?: unknown; readonly error?: string }
  | { readonly onward: "ask"; readonly id: number; readonly name: string; readonly argument: unknown }

/** Whether a message between processes is one of these calls. */
export const isCall = (message: unknown): message is Call | ToWorker | ReloadedMessage =>
  typeof message === "object" && message !== null && "onward" in message

export const isReloaded = (message: unknown): boolean => isCall(message) && message.onward === "reloaded"

/** In a worker: tells the primary process that the configuration was read again. */
export const tellPrimary = (): void => void process.send?.({ onward: "reloaded" } satisfies ReloadedMessage)

/** Connects this process with the others of its hub; without workers, with itself. */
export function connectPeers(functions: () => PrimaryFunctions): Peers {
  const handlers = new Map<string, (argument: never) => unknown>()
  if (!cluster.isWorker) {
    const own = functions()
    return {
      callPrimary: async <T>(name: string, argument: unknown) => own[name]?.(argument as never) as T,
      askAll: async <T>(name: string, argument?: unknown) => {
        const handler = handlers.get(name)
        return handler ? [(await handler(argument as never)) as T] : []
      },
      answer: (name, handler) => void handlers.set(name, handler),
      close: () => handlers.clear(),
    }
  }
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  let lastId = 0

  function request(kind: "call" | "ask-all", name: string, argument: unknown): Promise<unknown> {
    const id = ++lastId
    const promise = Promise.withResolvers<unknown>()
    waiting.set(id, promise)
    const timer = setTimeout(
      () => promise.reject(new Error(`The primary process did not answer ${name} in ${TIMEOUT_MS.call} ms.`)),
      TIMEOUT_MS.call,
    )
    process.send?.({ onward: kind, id, name, argument } satisfies Call)
    return promise.promise.finally(() => {
      clearTimeout(timer)
      waiting.delete(id)
    })
  }

  async function onMessage(message: unknown): Promise<void> {
    if (!isCall(message)) return
    if (message.onward === "result") {
      const { id, result, error } = message
      if (error === undefined) waiting.get(id)?.resolve(result)
      else waiting.get(id)?.reject(new Error(error))
      return
    }
    if (message.onward !== "ask") return
    const result = await handlers.get(message.name)?.(message.argument as never)
    process.send?.({ onward: "answer", id: message.id, result } satisfies Call)
  }
  const listener = (message: unknown): void => void onMessage(message)
  process.on("message", listener)

  return {
    callPrimary: <T>(name: string, argument: unknown) => request("call", name, argument) as Promise<T>,
    askAll: <T>(name: string, argument?: unknown) => request("ask-all", name, argument) as Promise<T[]>,
    answer: (name, handler) => void handlers.set(name, handler),
    close() {
      process.off("message", listener)
    },
  }
}

/** In the primary process: returns what handles a worker's messages. `workers` returns those that are ready. */
export function createSwitchboard(
  workers: () => Iterable<Worker>,
  functions: PrimaryFunctions,
): (from: Worker, message: unknown) => void {
  interface Gathering {
    readonly results: unknown[]
    missing: number
    readonly done: () => void
  }
  const gatherings = new Map<number, Gathering>()
  let lastId = 0

  function askAll(name: string, argument: unknown): Promise<unknown[]> {
    const asked = [...workers()].filter((worker) => worker.isConnected())
    const id = ++lastId
    const results: unknown[] = []
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        gatherings.delete(id)
        resolve(results)
      }
      const timer = setTimeout(done, TIMEOUT_MS.all)
      gatherings.set(id, { results, missing: asked.length, done })
      if (asked.length === 0) done()
      for (const worker of asked) worker.send({ onward: "ask", id, name, argument } satisfies ToWorker)
    })
  }

  function onAnswer({ id, result }: Extract<Call, { onward: "answer" }>): void {
    const gathering = gatherings.get(id)
    if (!gathering) return
    // a worker of another version may not know the question
    if (result !== undefined) gathering.results.push(result)
    if (--gathering.missing === 0) gathering.done()
  }

  return (from, message) => {
    if (!isCall(message)) return
    if (message.onward === "answer") return onAnswer(message)
    if (message.onward !== "call" && message.onward !== "ask-all") return
    const { id, name, argument, onward: kind } = message
    const answer = async (): Promise<unknown> =>
      kind === "ask-all" ? askAll(name, argument) : functions[name]?.(argument as never)
    answer().then(
      (result) => send({ onward: "result", id, result }),
      (error: unknown) => send({ onward: "result", id, error: String(error) }),
    )

    function send(reply: ToWorker): void {
      if (from.isConnected()) from.send(reply)
    }
  }
}
